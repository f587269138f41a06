// Builds the programs of docs/compare and drives each with socket.io-client: those of ours and zishang520 with 4.8, those
// of googollee with 2.5, which is what it speaks to. Prints a line for each, and exits with 1 where one does something
// else. Program 12 is a test, and is run as one. Needs go, redis-server, and the npm packages of test/js.
//
//	node docs/compare/drive.mjs [library [program]]       with TRANSPORTS=polling,websocket: these transports
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual as same } from "node:util";

const require = createRequire(new URL("../../test/js/package.json", import.meta.url));
const here = import.meta.dirname;
const libraries = {
  ours: require("socket.io-client").io,
  zishang520: require("socket.io-client").io,
  googollee: require("socket.io-client-2.5.0"),
};
// With googollee, what a client sends while its connection upgrades is often lost; either transport alone works.
const transports = (library) =>
  process.env.TRANSPORTS?.split(",") ?? (library === "googollee" ? ["websocket"] : ["polling", "websocket"]);
const within = 5000; // milliseconds for whatever should happen

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const inTime = (promise, what) =>
  Promise.race([promise, sleep(within).then(() => { throw new Error(`no ${what}`); })]);
const heard = (socket, event) =>
  inTime(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), event);
const ask = (socket, ...args) => inTime(new Promise((resolve) => socket.emit(...args, resolve)), `answer to ${args[0]}`);
function is(got, want) {
  if (!same(got, want)) throw new Error(`got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

// silent fails where the socket hears the event before the promise is fulfilled.
async function silent(socket, event, until) {
  let said;
  socket.on(event, (...args) => (said = args));
  await until;
  await sleep(100);
  socket.off(event);
  if (said) throw new Error(`heard ${event} ${JSON.stringify(said)}`);
}

// Each gets dial(namespace, options), which connects a client, and the library's name.
const drivers = {
  async "01_echo"(dial) {
    const a = await dial();
    const echo = heard(a, "hello");
    a.emit("hello", { n: [1, "é", null] });
    is(await echo, [{ n: [1, "é", null] }]);
  },
  async "02_ack"(dial) {
    const a = await dial();
    is(await ask(a, "add", 1, 2.5), 3.5);
    let greeting = heard(a, "greeting");
    a.emit("greet"); // and does not answer
    is(await greeting, ["Hello, stranger"]);
    a.on("name", (answer) => answer("Ana"));
    greeting = heard(a, "greeting");
    a.emit("greet");
    is(await greeting, ["Hello, Ana"]);
  },
  async "03_typed"(dial) {
    const a = await dial();
    is(await ask(a, "order", { item: "tea", count: 2 }), { total: 6 });
    for (const bad of [{ item: "tea", count: 0 }, { item: "tea", count: "2" }, { count: 1 }, "tea", 7]) {
      const answer = await ask(a, "order", bad);
      if (typeof answer.error !== "string") throw new Error(`${JSON.stringify(bad)}: ${JSON.stringify(answer)}`);
    }
    is(await ask(a, "order", { item: "tea", count: 1 }), { total: 3 });
  },
  async "04_rooms"(dial) {
    const [a, b, c] = [await dial(), await dial(), await dial()];
    a.emit("join", "kitchen");
    b.emit("join", "kitchen");
    await sleep(200);
    const both = Promise.all([heard(a, "said"), heard(b, "said")]);
    a.emit("say", "kitchen", "cake?");
    await silent(c, "said", both);
    is(await both, [["kitchen", "cake?"], ["kitchen", "cake?"]]);
    b.emit("leave", "kitchen");
    await sleep(200);
    const alone = heard(a, "said");
    a.emit("say", "kitchen", "nobody?");
    await silent(b, "said", alone);
  },
  async "05_broadcast"(dial) {
    const [a, b, c] = [await dial(), await dial(), await dial()];
    await sleep(200);
    const others = Promise.all([heard(b, "said"), heard(c, "said")]);
    a.emit("say", "hello");
    await silent(a, "said", others);
    is(await others, [["hello"], ["hello"]]);
  },
  async "06_auth"(dial, library) {
    const old = library === "googollee"; // see its program
    const a = await dial("/admin", old ? { query: { token: "secret" } } : { auth: { token: "secret" } });
    is(await ask(a, "whoami"), "Ana");
    const b = await dial("/admin", { ...(old ? { query: { token: "x" } } : { auth: { token: "x" } }), lazy: true });
    const end = heard(b, old ? "disconnect" : "connect_error");
    b.connect();
    const [why] = await end;
    if (!old) is(why.message, "unauthorized");
  },
  async "07_binary"(dial) {
    const a = await dial();
    const back = heard(a, "file");
    is(await ask(a, "upload", { name: "x", data: Buffer.from([1, 0, 255]) }), 3);
    const [file] = await back;
    is([file.name, [...new Uint8Array(file.data)]], ["x", [1, 0, 255]]);
  },
  async "08_disconnect"(dial, library) {
    const [a, b] = [await dial(), await dial()];
    await sleep(200);
    const id = b.id;
    const left = heard(a, "left");
    b.disconnect();
    const [who, why] = await left;
    is(who, id);
    if (library !== "googollee") is(why, "client namespace disconnect");
    const cut = heard(a, "left");
    const c = await dial();
    await sleep(200);
    (c.io.engine.close ? c.io.engine : c.io).close(); // the connection, without saying goodbye
    return (await cut)[1];
  },
  async "09_presence"(dial) {
    const [a, b] = [await dial(), await dial()];
    await sleep(200);
    const lists = [];
    a.on("present", (names) => lists.push([...names].sort()));
    a.emit("enter", "Ana");
    await sleep(200);
    b.emit("enter", "Bia");
    await sleep(200);
    b.disconnect();
    await sleep(300);
    is(lists, [["Ana"], ["Ana", "Bia"], ["Ana"]]);
  },
  async "10_poll"(dial) {
    const [a, b, c] = [await dial(), await dial(), await dial()];
    await sleep(200);
    b.on("vote", (q, answer) => answer(true));
    c.on("vote", (q, answer) => answer(q === "cake?" ? false : true));
    is(await ask(a, "poll", "cake?"), { yes: 1, no: 1, late: false });
    c.off("vote");
    is(await ask(a, "poll", "tea?"), { yes: 1, no: 0, late: true });
  },
  async "11_redis"(dial) {
    const [a, b] = [await dial("/", { at: 0 }), await dial("/", { at: 1 })];
    await sleep(500);
    const both = Promise.all([heard(a, "said"), heard(b, "said")]);
    a.emit("say", "hello");
    is(await both, [["hello"], ["hello"]]);
  },
};

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// listens waits until something answers there.
async function listens(port) {
  for (let end = Date.now() + within; ; await sleep(20)) {
    const up = await new Promise((resolve) => {
      const c = connect(port, "127.0.0.1", () => (c.destroy(), resolve(true))).on("error", () => resolve(false));
    });
    if (up) return;
    if (Date.now() > end) throw new Error("it does not listen");
  }
}

async function drive(library, program, binary) {
  const children = [], clients = [];
  const start = async (file, args, env, port) => {
    const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.on("data", (text) => process.env.VERBOSE && process.stderr.write(text));
    children.push(child);
    await listens(port);
  };
  try {
    const redis = await freePort();
    if (program === "11_redis") {
      await start("redis-server", ["--port", redis, "--bind", "127.0.0.1", "--save", "", "--dir", tmpdir()], {}, redis);
    }
    const ports = [];
    for (let i = 0; i < (program === "11_redis" ? 2 : 1); i++) {
      ports.push(await freePort());
      await start(binary, [], { ADDR: `127.0.0.1:${ports[i]}`, REDIS: `redis://127.0.0.1:${redis}` }, ports[i]);
    }
    const dial = async (namespace = "/", { at = 0, lazy = false, ...options } = {}) => {
      const socket = libraries[library](`http://127.0.0.1:${ports[at]}${namespace}`,
        { forceNew: true, reconnection: false, autoConnect: false, transports: transports(library), ...options });
      clients.push(socket);
      if (!lazy) {
        const connected = heard(socket, "connect");
        socket.connect();
        await connected;
      }
      return socket;
    };
    return await drivers[program](dial, library);
  } finally {
    for (const c of clients) c.close();
    for (const child of children) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
  }
}

const [onlyLibrary, onlyProgram] = process.argv.slice(2);
const bin = mkdtempSync(join(tmpdir(), "compare-"));
try {
  for (const library of Object.keys(libraries)) {
    if (onlyLibrary && library !== onlyLibrary) continue;
    for (const program of readdirSync(join(here, library)).sort()) {
      if (!/^\d\d_/.test(program) || (onlyProgram && !program.startsWith(onlyProgram))) continue;
      const cwd = join(here, library, program);
      let says;
      try {
        if (existsSync(join(cwd, "main.go"))) {
          const binary = join(bin, `${library}-${program}`);
          execFileSync("go", ["build", "-o", binary, "."], { cwd, stdio: ["ignore", "inherit", "inherit"] });
          says = `does it${((s) => (s ? ` (${s})` : ""))(await drive(library, program, binary))}`;
        } else {
          execFileSync("go", ["test", "-count=1", "."], { cwd, stdio: ["ignore", "ignore", "inherit"] });
          says = "passes";
        }
      } catch (err) {
        says = `FAILS: ${err.message}`;
        process.exitCode = 1;
      }
      console.log(library.padEnd(11), program.padEnd(14), says);
    }
  }
} finally {
  rmSync(bin, { recursive: true });
}
