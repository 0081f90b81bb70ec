import { describe, expect, it } from "vitest";
import { formatHostPort, isLinkLocal, parseHostPort, subnetOf, unmapped } from "../../../src/core/address.ts";
import { LanxferError } from "../../../src/core/errors.ts";

const read = (text: string) => parseHostPort(text, 25_726);

describe("an address that a person writes", () => {
  it.each([
    ["nas", "nas", 25_726],
    ["nas.local:4000", "nas.local", 4000],
    ["büro-nas", "büro-nas", 25_726],
    ["my_nas.lan", "my_nas.lan", 25_726],
    ["192.0.2.7", "192.0.2.7", 25_726],
    ["192.0.2.7:1", "192.0.2.7", 1],
    ["[fe80::1%eth0]:25726", "fe80::1%eth0", 25_726],
    ["[fe80::1%eth0]", "fe80::1%eth0", 25_726],
    ["fe80::1%wlp0s20f3.7", "fe80::1%wlp0s20f3.7", 25_726],
    ["2001:db8::7", "2001:db8::7", 25_726],
    ["[2001:db8::7]:65535", "2001:db8::7", 65_535],
    ["[FD00:0:0:0::7]:1", "fd00::7", 1],
    ["::1", "::1", 25_726],
    ["[::ffff:192.0.2.7]:80", "192.0.2.7", 80],
  ])("is read from %s", (text, host, port) => {
    expect(read(text)).toEqual({ host, port });
    expect(read(formatHostPort({ host, port }))).toEqual({ host, port });
  });

  it.each([
    "",
    ":4000",
    "nas:",
    "nas:0",
    "nas:65536",
    "nas:x",
    "nas:123456",
    "a b",
    "user@nas",
    "http://nas",
    "nas%eth0",
    "[nas]:1",
    "[192.0.2.7]:1",
    "[::1",
    "[]:1",
    "::1]:1",
    "1:2:3",
    "fe80::1::2%eth0",
    "fe80::1%",
    "fe80::1%a%b",
    "fe80::1%eth0/64",
    "2001:db8::7%eth0",
    "2001:db8::12345",
    "10.1",
    "10.0.0.256",
    "4711",
  ])("is not read from %j", (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
  });

  it("has to name its interface when it is link-local, and the message says how", () => {
    for (const text of ["fe80::1", "[fe80::1]:25726", "febf::1"]) {
      expect(() => read(text)).toThrow(LanxferError);
      expect(() => read(text)).toThrow(/name the interface as well, like fe[8b][0f]::1%eth0/);
    }
  });
});

describe("an address that a socket shows", () => {
  it("is IPv4 where a dual-stack socket wraps it", () => {
    expect(unmapped("::ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(unmapped("192.0.2.7")).toBe("192.0.2.7");
    expect(unmapped("::1")).toBe("::1");
  });

  it.each([
    ["fe80::1%eth0", true],
    ["FEBF::1", true],
    ["fec0::1", false],
    ["fe8::1", false],
    ["2001:db8::1", false],
    ["169.254.1.1", false],
  ])("%s is link-local: %s", (address, expected) => {
    expect(isLinkLocal(address)).toBe(expected);
  });

  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::6", "2001:db8:1:2"],
    ["2001:db8::6", "2001:db8:0:0"],
    ["2001:db8::1:2:3:4:5", "2001:db8:0:1"],
    ["fe80::a:b:c:d%eth0", "fe80:0:0:0%eth0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["1::", "1:0:0:0"],
    ["unknown", "unknown"],
  ])("%s counts as %s", (address, subnet) => {
    expect(subnetOf(address)).toBe(subnet);
  });
});
