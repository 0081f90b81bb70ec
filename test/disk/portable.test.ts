/** The inbox on exFAT: no hard links, no permissions, no difference between upper and lower case, and names that it cannot hold. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { Home } from "../support/home.ts";
import { suiteFor } from "../support/privilege.ts";
import { must, type Running } from "../support/process.ts";

// The loop device goes with the mount, and the mount with the daemon.
const MOUNT = `
  truncate -s 64M "$HOME/image" && mkfs.exfat "$HOME/image" >/dev/null && mkdir "$HOME/disk" &&
  loop=$(losetup --find --show "$HOME/image") && mount.exfat-fuse "$loop" "$HOME/disk" >&2 && losetup --detach "$loop" &&
  export LANXFER_INBOX="$HOME/disk"`;

class Pair implements AsyncDisposable {
  readonly alice: Home;
  readonly bob: Home;
  readonly #daemon: Running;

  private constructor(alice: Home, bob: Home, daemon: Running) {
    this.alice = alice;
    this.bob = bob;
    this.#daemon = daemon;
  }

  /** Alice has her inbox on exFAT; bob is paired with her. */
  static async make(): Promise<Pair> {
    const alice = await Home.make({ LANXFER_NAME: "alice", LANXFER_LIMITS_RESERVE: "0" });
    const bob = await Home.make({ LANXFER_NAME: "bob" });
    const daemon = await alice.ready({}, ["unshare", "--mount", "sh", "-c", `${MOUNT} && exec "$@"`, "sh"]);
    await bob.ready();
    expect((await bob.pairWith(alice)).paired).toMatchObject({ code: 0 });
    return new Pair(alice, bob, daemon);
  }

  async send(name: string): Promise<string> {
    const { code, stdout, stderr } = await this.bob.ctl("send", "alice", name, "--always");
    expect([code, stderr]).toEqual([0, expect.anything()]);
    return stdout;
  }

  /** The output of a command among alice's mounts. */
  inside(...command: string[]): Promise<string> {
    return must(["nsenter", "-t", String(this.#daemon.pid), "--mount", ...command]);
  }

  /** What is in the inbox. */
  async names(): Promise<string[]> {
    const disk = this.alice.path("disk");
    const found = await this.inside("find", disk, "-mindepth", "1", "-not", "-name", ".lanxfer");
    return found
      .split("\n")
      .filter(Boolean)
      .map((file) => file.slice(disk.length + 1))
      .sort();
  }

  read(name: string): Promise<string> {
    return this.inside("cat", this.alice.path(`disk/${name}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop();
    await this.alice[Symbol.asyncDispose]();
    await this.bob[Symbol.asyncDispose]();
  }
}

suiteFor(["exfat"])("an inbox on exFAT", () => {
  it("takes files and folders, and never replaces one", async () => {
    await using pair = await Pair.make();
    const { bob } = pair;
    await mkdir(bob.path("d/e"), { recursive: true });
    await writeFile(bob.path("d/e/run.sh"), "one", { mode: 0o755 });
    await writeFile(bob.path("a.txt"), "one");
    await pair.send("a.txt");
    await pair.send("d");
    await writeFile(bob.path("a.txt"), "two");
    await writeFile(bob.path("d/e/run.sh"), "two");
    expect(await pair.send("a.txt")).toContain("a (1).txt");
    expect(await pair.send("d")).toContain("d (1)");
    expect(await pair.names()).toEqual([
      "a (1).txt",
      "a.txt",
      "d",
      "d (1)",
      "d (1)/e",
      "d (1)/e/run.sh",
      "d/e",
      "d/e/run.sh",
    ]);
    expect(await pair.read("a.txt")).toBe("one");
    expect(await pair.read("a (1).txt")).toBe("two");
    expect(await pair.read("d/e/run.sh")).toBe("one");
    expect(await pair.read("d (1)/e/run.sh")).toBe("two");
    expect(await readFile(bob.path("a.txt"), "utf8")).toBe("two");
  });

  it("changes a name that it cannot hold, and tells the sender", async () => {
    await using pair = await Pair.make();
    const { bob } = pair;
    await writeFile(bob.path("what?.txt"), "one");
    expect(await pair.send("what?.txt")).toContain("what_.txt");
    expect(await pair.send("what?.txt")).toContain("what_ (1).txt");
    await mkdir(bob.path("a:b"));
    await writeFile(bob.path('a:b/"<>|*'), "two");
    expect(await pair.send("a:b")).toContain("a_b");
    expect(await pair.names()).toEqual(["a_b", "a_b/_____", "what_ (1).txt", "what_.txt"]);
  });

  it("keeps two names apart that differ only in case", async () => {
    await using pair = await Pair.make();
    const { bob } = pair;
    await mkdir(bob.path("d"));
    for (const name of ["README", "readme"]) {
      await writeFile(bob.path(name), name);
      await writeFile(bob.path(`d/${name}`), name);
      await pair.send(name);
    }
    await pair.send("d");
    expect(await pair.names()).toEqual(["README", "d", "d/README", "d/readme (1)", "readme (1)"]);
    expect(await pair.read("readme (1)")).toBe("readme");
    expect(await pair.read("d/readme (1)")).toBe("readme");
  });
});
