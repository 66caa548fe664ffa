// Copy buttons, the address of this page in the lines to copy where the index does not know its own, and the keyboard's
// way to what is wider than the window.
"use strict";

(() => {
  const here = new URL(document.documentElement.dataset.root || ".", location.href);
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

  function withAddress(text) {
    if (!here.protocol.startsWith("http") || !text.includes("http://HOST/")) return text;
    const trusted = here.protocol === "https:" || loopback.test(here.hostname);
    return text
      .replaceAll("http://HOST/", here.href)
      .replaceAll(/ --trusted-host HOST\b/g, trusted ? "" : ` --trusted-host ${here.hostname}`)
      .replaceAll(/\ntrusted-host = HOST\b/g, trusted ? "" : `\ntrusted-host = ${here.hostname}`);
  }

  async function copy(text, code) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    getSelection().selectAllChildren(code); // pages over plain HTTP have no clipboard
    if (!document.execCommand("copy")) throw new Error("not copied");
    getSelection().removeAllRanges();
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    const code = button.parentElement.querySelector("code");
    code.textContent = withAddress(code.textContent);
    button.hidden = false;
    button.addEventListener("click", () => {
      copy(code.textContent, code).then(
        () => { button.textContent = "Copied"; },
        () => { button.textContent = "Press Ctrl+C"; getSelection().selectAllChildren(code); },
      );
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  function reach() {
    for (const one of document.querySelectorAll(".scroll, .readme pre, .readme table")) {
      if (one.scrollWidth > one.clientWidth) one.tabIndex = 0; else one.removeAttribute("tabindex");
    }
  }
  addEventListener("resize", reach);
  reach();
})();
