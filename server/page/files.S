/* SPDX-License-Identifier: MIT */
/* The page's files, as they are: PAGE_FILE(html) is page_html up to page_html_end. */
        .section .rodata

        .globl page_html, page_html_end, page_css, page_css_end, page_js, page_js_end
        .hidden page_html, page_html_end, page_css, page_css_end, page_js, page_js_end

page_html:
        .incbin "server/page/page.html"
page_html_end:

page_css:
        .incbin "server/page/page.css"
page_css_end:

/* One script: they see each other's names. */
page_js:
        .incbin "server/page/wire.js"
        .incbin "server/page/plot.js"
        .incbin "server/page/build.js"
        .incbin "server/page/lines.js"
        .incbin "server/page/page.js"
page_js_end:

        .section .note.GNU-stack, "", %progbits
#ifdef __CET__
#include <cet.h> /* what the compiler says of its own objects */
#endif
