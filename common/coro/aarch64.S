/* SPDX-License-Identifier: MIT */
/*
 * The switch for AArch64. A saved context, from its address upwards:
 *
 *       0  x19 to x28
 *      80  x29, x30
 *      96  d8 to d15
 *     160  FPCR
 *
 * To see a suspended coroutine in gdb, whose context is at `sp`:
 *
 *      (gdb) set $sp = sp
 *      (gdb) set $pc = &aw_coro_switch_saved
 *      (gdb) backtrace
 */
#if defined(__aarch64__) && !defined(__ILP32__) && !defined(AW_CORO_UCONTEXT)

#define CONTEXT_SIZE 176
/* bti c, which older assemblers and processors take for the hint that it is. */
#define BTI_C        hint #34

        .text

/* void *aw_coro_switch_prepare(char *low, char *top, void (*function)(void *), void *argument) */
        .globl  aw_coro_switch_prepare
        .hidden aw_coro_switch_prepare
        .type   aw_coro_switch_prepare, %function
        .p2align 4
aw_coro_switch_prepare:
        .cfi_startproc
        BTI_C
        and     x1, x1, #-16
        sub     x0, x1, #CONTEXT_SIZE
        stp     x3, x2, [x0, #0]
        /* A null frame pointer ends the walk of those who follow frame pointers. */
        adr     x9, .Lstart
        stp     xzr, x9, [x0, #80]
        mrs     x9, fpcr
        str     x9, [x0, #160]
        ret
        .cfi_endproc
        .size   aw_coro_switch_prepare, . - aw_coro_switch_prepare

/* The outermost frame: no return address, so unwinders stop. */
        .type   aw_coro_switch_start, %function
        .p2align 4
aw_coro_switch_start:
        .cfi_startproc
        .cfi_undefined x30
        /* Unwinders look up the byte before a return address; let it be one of this frame's. */
        nop
.Lstart:
        mov     x0, x19
        blr     x20
        brk     #1
        .cfi_endproc
        .size   aw_coro_switch_start, . - aw_coro_switch_start

/* void aw_coro_switch(void **from, void *to) */
        .globl  aw_coro_switch
        .hidden aw_coro_switch
        .type   aw_coro_switch, %function
        .p2align 4
aw_coro_switch:
        .cfi_startproc
        BTI_C
        sub     sp, sp, #CONTEXT_SIZE
        .cfi_adjust_cfa_offset CONTEXT_SIZE
        stp     x19, x20, [sp, #0]
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        stp     x21, x22, [sp, #16]
        .cfi_rel_offset x21, 16
        .cfi_rel_offset x22, 24
        stp     x23, x24, [sp, #32]
        .cfi_rel_offset x23, 32
        .cfi_rel_offset x24, 40
        stp     x25, x26, [sp, #48]
        .cfi_rel_offset x25, 48
        .cfi_rel_offset x26, 56
        stp     x27, x28, [sp, #64]
        .cfi_rel_offset x27, 64
        .cfi_rel_offset x28, 72
        stp     x29, x30, [sp, #80]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        stp     d8, d9, [sp, #96]
        .cfi_rel_offset d8, 96
        .cfi_rel_offset d9, 104
        stp     d10, d11, [sp, #112]
        .cfi_rel_offset d10, 112
        .cfi_rel_offset d11, 120
        stp     d12, d13, [sp, #128]
        .cfi_rel_offset d12, 128
        .cfi_rel_offset d13, 136
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset d14, 144
        .cfi_rel_offset d15, 152
        mrs     x9, fpcr
        str     x9, [sp, #160]

        /* The two stacks look the same here, so what was said of one holds for the other. */
        mov     x10, sp
        str     x10, [x0]
        mov     sp, x1
        .globl  aw_coro_switch_saved
        .hidden aw_coro_switch_saved
aw_coro_switch_saved:
        /* Writing FPCR is slow, and it hardly ever differs. */
        ldr     x10, [sp, #160]
        cmp     x9, x10
        b.eq    1f
        msr     fpcr, x10
1:      ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        add     sp, sp, #CONTEXT_SIZE
        .cfi_def_cfa sp, 0
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore x29
        .cfi_restore x30
        .cfi_restore d8
        .cfi_restore d9
        .cfi_restore d10
        .cfi_restore d11
        .cfi_restore d12
        .cfi_restore d13
        .cfi_restore d14
        .cfi_restore d15
        ret
        .cfi_endproc
        .size   aw_coro_switch, . - aw_coro_switch

/* Indirect branches end at bti c only. */
        .section .note.gnu.property, "a"
        .p2align 3
        .word   4
        .word   16
        .word   5
        .asciz  "GNU"
        .word   0xc0000000
        .word   4
        .word   1
        .word   0

#endif

#ifdef __CET__
#include <cet.h> /* on another machine there is nothing here, and nothing against it */
#endif
#ifdef __ELF__
        .section .note.GNU-stack, "", %progbits
#endif
