// Keeps a page up to date: the server sends the parts that have changed.
// Without this script, the page shows one moment and is loaded again.
(() => {
  "use strict";
  const path = document.body.dataset.events;
  if (!path || !window.EventSource) return;
  const offline = document.getElementById("offline");
  let source = null;
  let ended = false;

  // Changes only what differs, so that focus, selection and open details stay.
  function update(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      const mine = name === "open" && old.nodeName === "DETAILS";
      if (!fresh.hasAttribute(name) && !mine) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    updateChildren(old, fresh);
  }

  function updateChildren(old, fresh) {
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    after.forEach((node, index) => {
      if (index < before.length) update(before[index], node);
      else old.append(node);
    });
    before.slice(after.length).forEach((node) => node.remove());
  }

  function parsed(html) {
    return new DOMParser().parseFromString(html, "text/html").body;
  }

  function show(parts) {
    for (const [name, html] of Object.entries(parts)) {
      if (name === "title") {
        document.title = parsed(html).textContent;
        continue;
      }
      const part = document.getElementById("part-" + name);
      if (part) updateChildren(part, parsed(html));
    }
  }

  function start() {
    if (source || ended) return;
    source = new EventSource(path);
    source.onopen = () => { offline.hidden = true; };
    source.onerror = () => {
      offline.hidden = false;
      if (source.readyState !== EventSource.CLOSED) return;
      // The browser does not try again by itself after an error of HTTP.
      stop();
      setTimeout(() => { if (!document.hidden) start(); }, 2000);
    };
    source.onmessage = (event) => { show(JSON.parse(event.data)); };
    source.addEventListener("end", () => { ended = true; stop(); });
  }

  function stop() {
    if (source) source.close();
    source = null;
  }

  // A page that is not visible needs no updates, and the Manager no questions.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop(); else start();
  });
  // A page that the browser kept is shown anew after "back".
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", () => { if (!document.hidden) start(); });
  if (!document.hidden) start();
})();
