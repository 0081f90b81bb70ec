import { describe, expect, it } from "vitest";
import { type Asker, type Wish, whomFor } from "../../../../src/ctl/service/whom.ts";

const anna: Asker = { platform: "linux", uid: 1000, user: "anna", sudoUser: undefined };
const root: Asker = { platform: "linux", uid: 0, user: "root", sudoUser: undefined };
const sudo: Asker = { ...root, sudoUser: "anna" };
const plain: Wish = { system: false, user: undefined, changes: true };

describe("A service", () => {
  it.each<[string, Asker, Partial<Wish>, object]>([
    ["of a user is for whoever asks", anna, {}, { kind: "user", user: "anna" }],
    ["of a user may also be for root", root, {}, { kind: "user", user: "root" }],
    ["of the system is for whoever called sudo", sudo, { system: true }, { kind: "system", user: "anna" }],
    ["of the system is for who is named", sudo, { system: true, user: "bert" }, { kind: "system", user: "bert" }],
    [
      "of the system can be looked at by anybody",
      anna,
      { system: true, changes: false },
      { kind: "system", user: "anna" },
    ],
    ["on macOS is one of the system", { ...sudo, platform: "darwin" }, {}, { kind: "launchd", user: "anna" }],
  ])("%s", (_, asker, wish, expected) => {
    expect(whomFor(asker, { ...plain, ...wish })).toEqual(expected);
  });

  it.each<[string, Asker, Partial<Wish>, string, string]>([
    [
      "of a user, with sudo in the way",
      sudo,
      {},
      "E_SERVICE",
      "with sudo the service would be one of root: run this without sudo, or with --system --user anna",
    ],
    ["of a user that is named", anna, { user: "bert" }, "E_USAGE", "--user goes with --system"],
    [
      "of the system, without root",
      anna,
      { system: true },
      "E_SERVICE",
      "a service of the system takes root: run this with sudo",
    ],
    ["of the system, for nobody", root, { system: true }, "E_USAGE", "say whose files it is for: --user NAME"],
    [
      "of the system, for root",
      sudo,
      { system: true, user: "root" },
      "E_SERVICE",
      "what others send must not be received by root: name another user with --user",
    ],
    [
      "on a system without such services",
      { ...anna, platform: "win32" },
      {},
      "E_SERVICE",
      "services are for systemd and launchd: start lanxferd by other means",
    ],
    [
      "on macOS, without root",
      { ...anna, platform: "darwin" },
      {},
      "E_SERVICE",
      "a service of the system takes root: run this with sudo",
    ],
  ])("is refused %s", (_, asker, wish, code, message) => {
    expect(() => whomFor(asker, { ...plain, ...wish })).toThrow(expect.objectContaining({ code, message }));
  });
});
