// The chat page's behaviour: connects to the server that served it, registers in its room, shows what arrives. What
// other people send may be anything; it reaches the document as text only, never as markup.
"use strict";

(() => {
  const TEXTS = {
    en: {
      lang: "en",
      connecting: "Connecting…",
      connected: "Connected",
      reconnecting: "Reconnecting…",
      offline: "Offline",
      room: "Room: ",
      messages: "Messages",
      empty: "No messages yet. Say something!",
      nickname: "Nickname",
      shuffle: "New one",
      message: "Message",
      send: "Send",
      you: "you",
      via: "via ",
      nobody: "(no nickname)",
      binary: (bytes) => `[binary data, ${bytes} bytes]`,
      tooDeep: "[data nested too deep to show]",
      cut: (characters) => `… [${characters} more characters]`,
      unsent: "Not connected to the room: the message was not sent. It is still in its field.",
      exception: "The server could not handle the message: ",
      connectError: "Cannot connect: ",
      noClient: "The Socket.IO client could not be loaded, so the chat cannot start. Check the network and reload.",
      animals: ["Toucan", "Jaguar", "Otter", "Heron", "Tapir", "Parrot", "Dolphin", "Armadillo", "Capybara", "Falcon"],
    },
    pt: {
      lang: "pt-BR",
      connecting: "Conectando…",
      connected: "Conectado",
      reconnecting: "Reconectando…",
      offline: "Sem conexão",
      room: "Sala: ",
      messages: "Mensagens",
      empty: "Nenhuma mensagem ainda. Diga algo!",
      nickname: "Apelido",
      shuffle: "Sortear",
      message: "Mensagem",
      send: "Enviar",
      you: "você",
      via: "via ",
      nobody: "(sem apelido)",
      binary: (bytes) => `[dados binários, ${bytes} bytes]`,
      tooDeep: "[dados aninhados demais para mostrar]",
      cut: (characters) => `… [mais ${characters} caracteres]`,
      unsent: "Fora da sala: a mensagem não foi enviada e continua no campo.",
      exception: "O servidor não conseguiu tratar a mensagem: ",
      connectError: "Não foi possível conectar: ",
      noClient: "O cliente Socket.IO não pôde ser carregado e o chat não pode começar. Verifique a rede e recarregue.",
      animals: ["Tucano", "Onça", "Lontra", "Garça", "Anta", "Papagaio", "Boto", "Tatu", "Capivara", "Falcão"],
    },
  };
  const MAX_SHOWN_MESSAGES = 500;
  const MAX_SHOWN_CHARACTERS = 5000;
  const RETRY_DISMISSED_MS = 1000;
  const STORED_NICKNAME = "nickname";

  const texts = (navigator.language || "").toLowerCase().startsWith("pt") ? TEXTS.pt : TEXTS.en;
  const byId = (id) => document.getElementById(id);
  const list = byId("messages");
  const nicknameInput = byId("nickname");
  const messageInput = byId("message");

  // --- What is shown -------------------------------------------------------------------------------------------------

  function translate() {
    document.documentElement.lang = texts.lang;
    for (const element of document.querySelectorAll("[data-text]")) {
      element.textContent = texts[element.dataset.text];
    }
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", texts[element.dataset.label]);
    }
  }

  function showStatus(state, transport) {
    const status = byId("status");
    const text = texts[state] + (transport ? ` (${transport})` : "");
    if (status.textContent === text) return; // a screen reader announces every change
    status.dataset.state = state;
    status.textContent = text;
  }

  function showNotice(text) {
    const notice = byId("notice");
    notice.hidden = text === "";
    if (notice.textContent !== text) notice.textContent = text;
  }

  function showRoom(name) {
    const room = byId("room");
    room.hidden = name === "";
    room.textContent = name === "" ? "" : texts.room + name;
  }

  // Any JSON value or binary data as text; what was not sent at all is "".
  function asText(value) {
    let text;
    if (value === undefined) {
      text = "";
    } else if (typeof value === "string") {
      text = value;
    } else if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      text = texts.binary(value.byteLength);
    } else {
      text = asJSON(value);
    }
    const over = text.length - MAX_SHOWN_CHARACTERS;
    return over > 0 ? text.slice(0, MAX_SHOWN_CHARACTERS) + texts.cut(over) : text;
  }

  // Whether the newest message is in view. If it is, it stays so when messages come and when the list shrinks, because
  // a notice appears or a phone's keyboard opens; whoever reads further up is left alone.
  let following = true;

  function showEnd() {
    list.scrollTop = list.scrollHeight;
  }

  function followMessages() {
    list.addEventListener("scroll", () => {
      following = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
    });
    new ResizeObserver(() => {
      if (following) showEnd();
    }).observe(list);
  }

  function asJSON(value) {
    try {
      return JSON.stringify(value, (key, inner) => (inner instanceof ArrayBuffer ? texts.binary(inner.byteLength) : inner));
    } catch {
      return texts.tooDeep; // nested past what the browser's stack takes
    }
  }

  function showMessage(data, own) {
    const { nickname, message, server } = Object(data);
    const item = document.createElement("li");
    if (own) item.className = "own";
    const add = (className, text) => {
      const line = document.createElement("p");
      line.className = className;
      line.textContent = text;
      line.dir = "auto";
      item.append(line);
    };
    add("who", (asText(nickname) || texts.nobody) + (own ? ` (${texts.you})` : ""));
    add("what", asText(message));
    const time = new Date().toLocaleTimeString(texts.lang, { hour: "2-digit", minute: "2-digit" });
    add("where", server === undefined ? time : `${time} · ${texts.via}${asText(server)}`);
    list.append(item);
    while (list.childElementCount > MAX_SHOWN_MESSAGES) list.firstElementChild.remove();
    if (following || own) showEnd();
  }

  // --- Nickname ------------------------------------------------------------------------------------------------------

  function randomNickname() {
    const [animal, number] = crypto.getRandomValues(new Uint32Array(2));
    return `${texts.animals[animal % texts.animals.length]}-${100 + (number % 900)}`;
  }

  // Storage may be forbidden (private windows, blocked cookies); the chat works without it.
  function loadNickname() {
    try {
      return localStorage.getItem(STORED_NICKNAME) || "";
    } catch {
      return "";
    }
  }

  function keepNickname() {
    try {
      localStorage.setItem(STORED_NICKNAME, nicknameInput.value);
    } catch {
      // Nothing to do: it lasts as long as the page.
    }
  }

  function shuffleNickname() {
    nicknameInput.value = randomNickname();
    keepNickname();
  }

  // --- Connection ----------------------------------------------------------------------------------------------------

  function connect() {
    // WebSocket first, as the service's frontends do; polling where a network does not let it through.
    const socket = io({ transports: ["websocket", "polling"], tryAllTransports: true });
    let registered = false;
    // Messages sent and not yet seen again. The server sends everything back to its sender too and keeps the order,
    // but does not say whose it was.
    let unseen = [];

    const leave = () => {
      registered = false;
      unseen = [];
      showRoom("");
    };
    const showWaiting = () => {
      showStatus(navigator.onLine === false || !socket.active ? "offline" : "reconnecting");
    };

    socket.on("connect", () => {
      const showConnected = () => showStatus("connected", socket.io.engine.transport.name);
      showConnected();
      showNotice("");
      socket.io.engine.once("upgrade", showConnected);
      socket.emit("registrar");
    });
    socket.on("disconnect", () => {
      leave();
      showWaiting();
      // A server that dismisses a socket (it is stopping, say) ends the client's own attempts; the page goes on trying.
      if (!socket.active) setTimeout(() => socket.connect(), RETRY_DISMISSED_MS);
    });
    socket.on("connect_error", (error) => {
      showWaiting();
      showNotice(texts.connectError + asText(error.message));
      if (!socket.active) setTimeout(() => socket.connect(), RETRY_DISMISSED_MS);
    });
    for (const change of ["offline", "online"]) {
      window.addEventListener(change, () => {
        if (!socket.connected) showWaiting();
      });
    }

    socket.on("registrado", (data) => {
      registered = true;
      showRoom(asText(Object(data).room));
    });
    socket.on("messages", (data) => {
      const { nickname, message } = Object(data);
      const at = unseen.findIndex((sent) => sent.nickname === nickname && sent.message === message);
      if (at >= 0) unseen.splice(0, at + 1);
      showMessage(data, at >= 0);
    });
    socket.on("exception", (data) => showNotice(texts.exception + asText(Object(data).message ?? data)));

    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      // Without this check the client would keep the message and send it before it has registered again: to nobody.
      if (!registered) {
        showNotice(texts.unsent);
        return;
      }
      showNotice("");
      const sent = { nickname: nicknameInput.value, message: messageInput.value };
      unseen.push(sent);
      socket.emit("messages", sent);
      messageInput.value = "";
      messageInput.focus();
    });
  }

  translate();
  followMessages();
  showStatus("connecting");
  nicknameInput.value = loadNickname();
  if (nicknameInput.value === "") shuffleNickname();
  nicknameInput.addEventListener("change", keepNickname);
  byId("shuffle").addEventListener("click", shuffleNickname);
  if (typeof io === "undefined") {
    byId("form").addEventListener("submit", (event) => event.preventDefault());
    showStatus("offline");
    showNotice(texts.noClient);
    return;
  }
  connect();
  messageInput.focus();
})();
