/* SPDX-License-Identifier: MIT */
/*
 * The switch for x86-64, System V calling convention. A saved context, from its address upwards:
 *
 *       0  MXCSR, 4 bytes; x87 control word, 2 bytes
 *       8  r15, r14, r13, r12, rbx, rbp
 *      56  return address
 *
 * To see a suspended coroutine in gdb, whose context is at `sp`:
 *
 *      (gdb) set $rsp = sp
 *      (gdb) set $pc = &aw_coro_switch_saved
 *      (gdb) backtrace
 */
#if defined(__x86_64__) && !defined(__ILP32__) && !defined(AW_CORO_UCONTEXT)

        .text

/* void *aw_coro_switch_prepare(char *low, char *top, void (*function)(void *), void *argument) */
        .globl  aw_coro_switch_prepare
        .hidden aw_coro_switch_prepare
        .type   aw_coro_switch_prepare, @function
        .p2align 4
aw_coro_switch_prepare:
        .cfi_startproc
        endbr64
        andq    $-16, %rsi
        leaq    -80(%rsi), %rax
        stmxcsr (%rax)
        fnstcw  4(%rax)
        movq    %rcx, 8(%rax)
        movq    %rdx, 16(%rax)
        /* A null frame pointer ends the walk of those who follow frame pointers. */
        xorl    %edx, %edx
        movq    %rdx, 24(%rax)
        movq    %rdx, 32(%rax)
        movq    %rdx, 40(%rax)
        movq    %rdx, 48(%rax)
        leaq    .Lstart(%rip), %rdx
        movq    %rdx, 56(%rax)
        ret
        .cfi_endproc
        .size   aw_coro_switch_prepare, . - aw_coro_switch_prepare

/* The outermost frame: no return address, so unwinders stop. */
        .type   aw_coro_switch_start, @function
        .p2align 4
aw_coro_switch_start:
        .cfi_startproc
        .cfi_undefined %rip
        /* Unwinders look up the byte before a return address; let it be one of this frame's. */
        nop
.Lstart:
        endbr64
        movq    %r15, %rdi
        callq   *%r14
        ud2
        .cfi_endproc
        .size   aw_coro_switch_start, . - aw_coro_switch_start

/* void aw_coro_switch(void **from, void *to) */
        .globl  aw_coro_switch
        .hidden aw_coro_switch
        .type   aw_coro_switch, @function
        .p2align 4
aw_coro_switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movl    (%rsp), %eax
        movzwl  4(%rsp), %ecx

        /* The two stacks look the same here, so what was said of one holds for the other. */
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        .globl  aw_coro_switch_saved
        .hidden aw_coro_switch_saved
aw_coro_switch_saved:
        /* Loading control words is slow, and they hardly ever differ. The low six bits of MXCSR
           are status, which a call need not preserve. */
        xorl    (%rsp), %eax
        xorw    4(%rsp), %cx
        andl    $0xffffffc0, %eax
        orl     %ecx, %eax
        jnz     2f
        .cfi_remember_state
1:      addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        /* Not ret: the processor would expect the return to this stack's last call. */
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdx
        notrack jmpq *%rdx
        .cfi_restore_state
2:      ldmxcsr (%rsp)
        fldcw   4(%rsp)
        jmp     1b
        .cfi_endproc
        .size   aw_coro_switch, . - aw_coro_switch

/* Indirect branches end at endbr64 only. A shadow stack is not switched, so none is promised. */
        .section .note.gnu.property, "a"
        .p2align 3
        .long   4
        .long   16
        .long   5
        .asciz  "GNU"
        .long   0xc0000002
        .long   4
        .long   1
        .long   0

#endif

#ifdef __ELF__
        .section .note.GNU-stack, "", %progbits
#endif
