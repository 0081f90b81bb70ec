import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { type Host, MAX_SOCKET_PATH, places } from "../../../src/core/places.ts";

const linux: Host = { platform: "linux", uid: 1000, home: "/home/ada", ownsDirectory: () => false };
const withRuntime: Host = { ...linux, ownsDirectory: (path) => path === "/run/user/1000" };
const mac: Host = { ...linux, platform: "darwin", home: "/Users/ada", ownsDirectory: () => true };

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LanxferError) return error.code;
    throw error;
  }
  return "nothing";
}

describe("where things are kept", () => {
  it.each([
    ["by convention on Linux", {}, linux, "/home/ada/.config/lanxfer", "/home/ada/.local/state/lanxfer"],
    ["where XDG says", { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s/" }, linux, "/c/lanxfer", "/s/lanxfer"],
    [
      "where XDG would, were it not empty or relative",
      { XDG_CONFIG_HOME: "", XDG_STATE_HOME: "s" },
      linux,
      "/home/ada/.config/lanxfer",
      "/home/ada/.local/state/lanxfer",
    ],
    [
      "where our own variables say, first of all",
      { LANXFER_CONFIG_DIR: "/c", LANXFER_STATE_DIR: "/s//", XDG_STATE_HOME: "/x" },
      linux,
      "/c",
      "/s",
    ],
    [
      "together on macOS, whatever XDG says",
      { XDG_CONFIG_HOME: "/c" },
      mac,
      "/Users/ada/Library/Application Support/lanxfer",
      "/Users/ada/Library/Application Support/lanxfer",
    ],
  ])("is %s", (_, env, host, config, state) => {
    expect(places(env, host)).toMatchObject({ config, state });
  });
});

describe("where the two programs meet", () => {
  it.each([
    ["in the runtime directory", { XDG_RUNTIME_DIR: "/run/user/1000" }, linux, "/run/user/1000/lanxfer/control.sock"],
    ["there too when nobody set the variable", {}, withRuntime, "/run/user/1000/lanxfer/control.sock"],
    ["with the state when there is none", {}, linux, "/home/ada/.local/state/lanxfer/control.sock"],
    [
      "with the state when the variable is no path",
      { XDG_RUNTIME_DIR: "run" },
      linux,
      "/home/ada/.local/state/lanxfer/control.sock",
    ],
    ["with the state that was chosen", { LANXFER_STATE_DIR: "/s" }, linux, "/s/control.sock"],
    [
      "where our own variable says",
      { LANXFER_SOCKET: "/tmp/x.sock", XDG_RUNTIME_DIR: "/run/user/1000" },
      linux,
      "/tmp/x.sock",
    ],
    ["with the state on macOS", {}, mac, "/Users/ada/Library/Application Support/lanxfer/control.sock"],
  ])("is %s", (_, env, host, socket) => {
    expect(places(env, host).socket).toBe(socket);
  });

  it("is refused where the system would cut the path short, counted in bytes", () => {
    const fits = `/${"x".repeat(MAX_SOCKET_PATH - 1)}`;
    expect(places({ LANXFER_SOCKET: fits }, linux).socket).toBe(fits);
    expect(code(() => places({ LANXFER_SOCKET: `${fits}x` }, linux))).toBe("E_SOCKET");
    expect(code(() => places({ LANXFER_SOCKET: `/${"é".repeat(52)}` }, linux))).toBe("E_SOCKET");
  });
});

describe("a variable of our own that is no absolute path", () => {
  it.each(["LANXFER_CONFIG_DIR", "LANXFER_STATE_DIR", "LANXFER_SOCKET"])("is a usage error: %s", (name) => {
    for (const path of ["here", "./here", "~/here"])
      expect(code(() => places({ [name]: path }, linux))).toBe("E_USAGE");
  });

  it("counts as not set when it is empty", () => {
    const env = { LANXFER_CONFIG_DIR: "", LANXFER_STATE_DIR: "", LANXFER_SOCKET: "" };
    expect(places(env, linux)).toEqual(places({}, linux));
  });
});
