// Opens the page anew when it was rendered anew. A script is asked for, and no data: that the policy of the pages allows.
"use strict";

(() => {
  const here = document.currentScript.src;
  let shown;

  window.previewed = (digest) => {
    if (shown !== undefined && digest !== shown) location.reload();
    shown = digest;
  };

  setInterval(() => {
    const script = document.createElement("script");
    script.src = new URL(`preview-digest.js?${Date.now()}`, here);
    script.onload = script.onerror = () => script.remove();
    document.head.append(script);
  }, 500);
})();
