import { describe, expect, it } from "vitest";
import { type Host, MAX_SOCKET_PATH, places } from "../../../src/core/places.ts";

const linux: Host = { platform: "linux", uid: 1000, user: "me", home: "/home/me", ownsDirectory: () => false };
const mac: Host = { ...linux, platform: "darwin", home: "/Users/me", ownsDirectory: () => true };

describe("The places of lanxfer", () => {
  it("are those of the XDG Base Directory Specification, without any variable", () => {
    expect(places({}, linux)).toEqual({
      config: "/home/me/.config/lanxfer",
      state: "/home/me/.local/state/lanxfer",
      socket: "/home/me/.local/state/lanxfer/control.sock",
    });
  });

  it("follow the variables of that specification", () => {
    const env = { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s/", XDG_RUNTIME_DIR: "/r" };
    expect(places(env, linux)).toEqual({
      config: "/c/lanxfer",
      state: "/s/lanxfer",
      socket: "/r/lanxfer/control.sock",
    });
  });

  it("ignore those variables where they are empty or relative", () => {
    for (const value of ["", "relative", "./x"]) {
      const env = { XDG_CONFIG_HOME: value, XDG_STATE_HOME: value, XDG_RUNTIME_DIR: value };
      expect(places(env, linux)).toEqual(places({}, linux));
    }
  });

  it("include the usual runtime directory only when it is ours", () => {
    const asked: string[] = [];
    const ours = (path: string) => asked.push(path) > 0 && path !== "/run/lanxfer/me";
    expect(places({}, { ...linux, ownsDirectory: ours }).socket).toBe("/run/user/1000/lanxfer/control.sock");
    expect(asked).toEqual(["/run/lanxfer/me", "/run/user/1000"]);
  });

  it("have the socket where a service of the system that runs for the user has it, also within a session", () => {
    const served: Host = { ...linux, ownsDirectory: (path) => path === "/run/lanxfer/me" };
    expect(places({ XDG_RUNTIME_DIR: "/run/user/1000" }, served).socket).toBe("/run/lanxfer/me/control.sock");
    expect(places({ LANXFER_SOCKET: "/x/y.sock" }, served).socket).toBe("/x/y.sock");
    const nameless: Host = { ...linux, user: undefined, ownsDirectory: () => true };
    expect(places({ XDG_RUNTIME_DIR: "/run/user/1000" }, nameless).socket).toBe("/run/user/1000/lanxfer/control.sock");
  });

  it("are all in Application Support on macOS, whatever a shell has set", () => {
    const support = "/Users/me/Library/Application Support/lanxfer";
    const env = { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s", XDG_RUNTIME_DIR: "/r" };
    expect(places(env, mac)).toEqual({ config: support, state: support, socket: `${support}/control.sock` });
  });

  it.each([linux, mac])("yield to our own variables ($platform)", (host) => {
    const env = {
      LANXFER_CONFIG_DIR: "/c",
      LANXFER_STATE_DIR: "/s/",
      LANXFER_SOCKET: "/x/y.sock",
      XDG_RUNTIME_DIR: "/r",
    };
    expect(places(env, host)).toEqual({ config: "/c", state: "/s", socket: "/x/y.sock" });
    expect(places({ LANXFER_STATE_DIR: "/s" }, host)).toMatchObject({ state: "/s" });
    expect(places({ LANXFER_STATE_DIR: "/s", LANXFER_SOCKET: "" }, linux).socket).toBe("/s/control.sock");
  });

  it.each(["LANXFER_CONFIG_DIR", "LANXFER_STATE_DIR", "LANXFER_SOCKET"])("refuse a relative %s", (name) => {
    expect(() => places({ [name]: "run/x" }, linux)).toThrow(
      expect.objectContaining({ code: "E_USAGE", message: `${name} must be an absolute path` }),
    );
  });

  it("refuse a socket path that the system would cut, counted in bytes", () => {
    const path = (length: number) => `/${"x".repeat(length - 1)}`;
    expect(places({ LANXFER_SOCKET: path(MAX_SOCKET_PATH) }, linux).socket).toHaveLength(103);
    for (const socket of [path(MAX_SOCKET_PATH + 1), `/${"ü".repeat(52)}`]) {
      expect(() => places({ LANXFER_SOCKET: socket }, linux)).toThrow(expect.objectContaining({ code: "E_SOCKET" }));
    }
  });
});
