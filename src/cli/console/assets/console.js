// What the pages do beyond forms and links: parts that refresh themselves, and files that are dropped.
"use strict";

(() => {
  const EVERY = 2000; // milliseconds between two looks; an element may say its own, in seconds
  const SLOWEST = 30000;
  const said = document.getElementById("said");
  const token = document.querySelector("meta[name=csrf]")?.content ?? "";

  // Says something to who does not see the page, once.
  const say = (text) => {
    if (said && text && said.textContent !== text) said.textContent = text;
  };

  // Our own server's markup; scripts in it would not run.
  const parsed = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  };

  // Keeps a part of the page as it is now, without moving the focus or closing what was opened.
  const follow = (part) => {
    const usual = Number(part.dataset.every ?? 0) * 1000 || EVERY;
    let shown = null;
    let wait = usual;
    let summary = part.querySelector("[data-say]")?.dataset.say;
    const trouble = document.createElement("div");
    part.before(trouble);

    const replace = (html) => {
      const scrolled = [...part.querySelectorAll(".scroll[id]")].map((it) => [it.id, it.scrollLeft]);
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      const open = [...part.querySelectorAll("details[open][id]")].map((it) => it.id);
      const content = parsed(html);
      for (const id of open) content.getElementById(id)?.setAttribute("open", "");
      part.replaceChildren(content);
      for (const [id, left] of scrolled) document.getElementById(id)?.scrollTo({ left, behavior: "instant" });
      if (focused?.id) document.getElementById(focused.id)?.focus({ preventScroll: true });
      const now = part.querySelector("[data-say]")?.dataset.say;
      if (now !== summary) say(now);
      summary = now;
    };

    const isBusy = () => {
      // What has the focus and cannot be found again, what is being pressed, and a text that somebody is marking, does not
      // go away.
      const active = document.activeElement;
      const selection = document.getSelection();
      const isMarking = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
      const isPressed = part.querySelector(":active") !== null;
      return isMarking || isPressed || (part.contains(active) && !active.id);
    };

    const look = async () => {
      if (document.visibilityState === "visible" && !isBusy()) {
        try {
          const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" } });
          const html = await answer.text();
          if (answer.ok) {
            trouble.replaceChildren();
            // A button may have been pressed since it was asked: then it is shown at the next look.
            if (html !== shown && !isBusy()) {
              replace(html);
              shown = html;
            }
            wait = usual;
          } else {
            trouble.replaceChildren(parsed(answer.status === 401 ? "<p class='notice bad'>The console was started again: open the address that it printed.</p>" : html));
            wait = Math.min(wait * 2, SLOWEST);
          }
        } catch {
          trouble.replaceChildren(parsed("<p class='notice bad' role='alert'>The console does not answer: was it stopped? This page shows what was known last.</p>"));
          wait = Math.min(wait * 2, SLOWEST);
        }
      }
      part.dataset.looks = String(Number(part.dataset.looks ?? 0) + 1);
      setTimeout(look, wait);
    };
    setTimeout(look, usual);
  };
  document.querySelectorAll("[data-live]").forEach(follow);

  // Drop.
  const form = document.getElementById("drop");
  if (!form) return;
  const [zone, input, folder, results] = ["zone", "file", "folder", "results"].map((id) => document.getElementById(id));
  const isManifest = (name) => /\.(image\.(yaml|yml|json)|manifest\.xml)$/.test(name);
  const button = form.querySelector("button");
  form.querySelectorAll(".scripted").forEach((it) => { it.hidden = false; });

  // Sends a file; the answer's status and markup. `advance` is told how much has left.
  const send = (path, file, into, advance) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const place = new URLSearchParams({ folder: into, name: file.name });
    request.open("POST", `${path}?${place}`);
    request.setRequestHeader("x-csrf-token", token);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && advance?.(event.loaded / event.total);
    request.onload = () => resolve({ ok: request.status < 300, html: request.responseText });
    request.onerror = () => resolve({ ok: false, html: "<p class='notice bad'>The file did not arrive: the console does not answer, or the file cannot be read.</p>" });
    request.send(file);
  });

  const show = (html) => results.append(parsed(html));
  // The outcome is said; the text of a manifest is there to be read.
  const sayOutcome = () => say([...results.querySelectorAll(".notice")].map((it) => it.textContent.trim()).join(" "));

  const sendWithBar = async (file, into) => {
    const line = document.createElement("div");
    line.className = "upload";
    const name = document.createElement("span");
    name.textContent = file.name;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    line.append(name, bar);
    results.append(line);
    const sent = await send("/drop/object", file, into, (share) => { bar.value = share; });
    line.replaceWith(parsed(sent.html));
    return sent.ok;
  };

  // Manifests are checked before anything is sent, and are sent after what they name.
  const take = async (files) => {
    if (files.length === 0 || button.disabled) return;
    button.disabled = true;
    // All of them go into one folder, whatever is written there meanwhile.
    const into = folder.value;
    results.replaceChildren();
    results.setAttribute("aria-busy", "true");
    const manifests = files.filter((file) => isManifest(file.name));
    const others = files.filter((file) => !isManifest(file.name));
    let isFine = true;
    for (const file of manifests) {
      const checked = await send("/drop/check", file, into);
      isFine &&= checked.ok;
      if (!checked.ok || others.length === 0) show(checked.html);
    }
    if (isFine) {
      for (const file of others) isFine &&= await sendWithBar(file, into);
      for (const file of isFine ? manifests : []) show((await send("/drop/manifest", file, into)).html);
    }
    results.removeAttribute("aria-busy");
    sayOutcome();
    results.dataset.done = String(Number(results.dataset.done ?? 0) + 1);
    button.disabled = false;
    input.value = "";
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take([...input.files]);
  });
  input.addEventListener("change", () => {
    // A manifest alone is checked at once; nothing is sent before the button is pressed.
    const files = [...input.files];
    if (files.length > 0 && files.every((file) => isManifest(file.name))) {
      results.replaceChildren();
      Promise.all(files.map((file) => send("/drop/check", file, folder.value))).then((all) => {
        all.forEach((checked) => show(checked.html));
        sayOutcome();
        results.dataset.checked = String(Number(results.dataset.checked ?? 0) + 1);
      });
    }
  });
  // Anywhere on the page: a file that misses the zone would be opened in place of it.
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
})();
