import { describe, expect, it } from "vitest";
import { type Exec, type FirewallFacts, firewallChecks } from "../../../../src/daemon/doctor/firewall.ts";

const PORT = 25_726;

/** Programs that are there, each with what it prints for its arguments; undefined where it fails. */
type Programs = Readonly<Record<string, (args: string) => string | undefined>>;

const execOf =
  (programs: Programs): Exec =>
  async (program, args) => {
    const run = programs[program];
    if (run === undefined) return { stdout: "", status: undefined };
    const stdout = run(args.join(" "));
    return stdout === undefined ? { stdout: "", status: 1 } : { stdout, status: 0 };
  };

async function found(programs: Programs, facts: Partial<FirewallFacts> = {}) {
  const [check] = firewallChecks({ port: PORT, platform: "linux", isRoot: true, exec: execOf(programs), ...facts });
  return check?.look(new AbortController().signal);
}

describe("The firewall, as the doctor sees it,", () => {
  it("is none where no program for one is installed, root or not", async () => {
    expect(await found({})).toEqual([{ state: "ok", text: expect.stringContaining("lets UDP 5353"), advice: null }]);
    expect((await found({}, { isRoot: false }))?.map(({ state }) => state)).toEqual(["ok"]);
  });

  it("is left unchecked without root, with the command that shows its rules", async () => {
    const programs = { nft: () => "nftables v1.0.6", iptables: () => undefined };
    expect(await found(programs, { isRoot: false })).toEqual([
      {
        state: "unchecked",
        text: "only root can see the rules of the firewall",
        advice: "run: sudo nft list ruleset",
      },
    ]);
  });

  it("is firewalld where that runs, which tells everybody", async () => {
    const closed = { "firewall-cmd": () => "no" };
    const open = (port: string) =>
      `run: sudo firewall-cmd --permanent --add-port=${port} && sudo firewall-cmd --reload`;
    expect(await found(closed, { isRoot: false })).toEqual([
      { state: "problem", text: "firewalld does not let UDP 5353 in", advice: open("5353/udp") },
      { state: "problem", text: "firewalld does not let TCP 25726 in", advice: open("25726/tcp") },
    ]);
  });

  it("is open for multicast DNS in firewalld by the port or by the service", async () => {
    const byService = {
      "firewall-cmd": (args: string) => (args === `--query-port=${PORT}/tcp` || args.endsWith("=mdns") ? "yes" : "no"),
    };
    expect((await found(byService))?.map(({ state }) => state)).toEqual(["ok"]);
    const byPort = { "firewall-cmd": (args: string) => (args.startsWith("--query-port") ? "yes" : "no") };
    expect((await found(byPort))?.map(({ state }) => state)).toEqual(["ok"]);
  });

  it("is what iptables says where nft does not answer", async () => {
    const iptables = { iptables: () => `-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport ${PORT} -j ACCEPT\n` };
    expect(await found(iptables)).toEqual([
      {
        state: "problem",
        text: "iptables does not let UDP 5353 in",
        advice: "run: sudo iptables -I INPUT -p udp --dport 5353 -j ACCEPT",
      },
    ]);
  });

  it("is unknown where its programs are there and fail", async () => {
    expect(await found({ nft: () => undefined, iptables: () => undefined })).toEqual([
      { state: "unchecked", text: "the rules of the firewall could not be read", advice: null },
    ]);
  });

  it("is not looked at where the system is another one", () => {
    expect(firewallChecks({ port: PORT, platform: "darwin", isRoot: true, exec: execOf({}) })).toEqual([]);
  });
});
