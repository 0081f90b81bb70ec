import { describe, expect, it } from "vitest";
import { judge, parseRules } from "../../../../src/daemon/doctor/iptables.ts";

const OURS = { protocol: "tcp", port: 25_726 } as const;
const MDNS = { protocol: "udp", port: 5_353 } as const;
const fate = (packet: typeof OURS | typeof MDNS, ...lines: string[]) => judge(parseRules(lines.join("\n")), packet);

describe("The rules of iptables", () => {
  it.each([
    ["no rules", [], "accept"],
    ["the policy", ["-P INPUT DROP"], "drop"],
    ["the port", ["-P INPUT DROP", "-A INPUT -p tcp -m tcp --dport 25726 -j ACCEPT"], "accept"],
    ["another port", ["-P INPUT DROP", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"], "drop"],
    ["a range", ["-P INPUT DROP", "-A INPUT -p tcp -m tcp --dport 25000:26000 -j ACCEPT"], "accept"],
    ["several", ["-P INPUT DROP", "-A INPUT -p tcp -m multiport --dports 22,80,25726 -j ACCEPT"], "accept"],
    ["established", ["-P INPUT DROP", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"], "drop"],
    ["new", ["-P INPUT DROP", "-A INPUT -m state --state NEW -p tcp -j ACCEPT"], "accept"],
    ["loopback", ["-P INPUT DROP", "-A INPUT -i lo -j ACCEPT"], "drop"],
    ["not loopback", ["-P INPUT ACCEPT", "-A INPUT ! -i lo -j REJECT --reject-with icmp-port-unreachable"], "unclear"],
    ["a subnet", ["-P INPUT DROP", "-A INPUT -s 10.0.0.0/8 -j ACCEPT"], "unclear"],
    ["a log", ["-P INPUT DROP", '-A INPUT -j LOG --log-prefix "in: "'], "drop"],
    ["the last rule", ["-P INPUT ACCEPT", "-A INPUT -j DROP"], "drop"],
  ])("are understood: %s", (_, lines, expected) => expect(fate(OURS, ...(lines as string[]))).toBe(expected)); // written as strings above

  it("are followed into the chains of ufw", () => {
    const ufw = [
      "-P INPUT DROP",
      "-N ufw-before-input",
      "-N ufw-user-input",
      "-N ufw-not-local",
      "-A INPUT -j ufw-before-input",
      "-A ufw-before-input -i lo -j ACCEPT",
      "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A ufw-before-input -j ufw-user-input",
      "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT",
    ];
    expect(fate(OURS, ...ufw)).toBe("drop");
    expect(fate(OURS, ...ufw, "-A ufw-user-input -p tcp -m tcp --dport 25726 -j ACCEPT")).toBe("accept");
    expect(fate(MDNS, ...ufw, "-A ufw-user-input -p udp -m udp --dport 5353 -j ACCEPT")).toBe("accept");
  });
});
