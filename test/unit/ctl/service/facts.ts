/** A machine as `service` finds it, in memory. */

import { readFileSync } from "node:fs";
import { places } from "../../../../src/core/places.ts";
import type { Condition, Person } from "../../../../src/ctl/service/service.ts";
import type { SystemdFacts } from "../../../../src/ctl/service/systemd.ts";

export const STOPPED: Condition = { enabled: false, running: false, words: "inactive (dead)" };
export const RUNNING: Condition = { enabled: true, running: true, words: "active (running)" };

export function person(change: Partial<Person> = {}): Person {
  const home = change.home ?? "/home/anna";
  const host = { platform: "linux", uid: 1000, user: "anna", home, ownsDirectory: () => false };
  const usual = { user: "anna", uid: 1000, gid: 1000, inbox: `${home}/LanInbox`, variables: {} };
  return { ...usual, home, places: places({ XDG_RUNTIME_DIR: "/run/user/1000" }, host), ...change };
}

/** `files` are those that are there. */
export function machine(files: Map<string, string> = new Map(), change: Partial<SystemdFacts> = {}): SystemdFacts {
  return {
    version: "1.2.3",
    program: { node: "/usr/bin/node", main: "/opt/lanxfer/dist/daemon/main.js", flags: ["--flag=1"] },
    person: person(),
    file: (path) => files.get(path),
    exists: (path) => path === "/home/anna" || [...files.keys()].some((file) => file === path),
    template: (name) => {
      const folder = name.endsWith(".plist") ? "launchd" : "systemd";
      return readFileSync(new URL(`../../../../${folder}/${name}`, import.meta.url), "utf8");
    },
    scope: "user",
    userNamespaces: true,
    instances: [],
    ...change,
  };
}
