import { describe, expect, it } from "vitest";
import { SETTINGS } from "../../../src/daemon/host/settings.ts";
import { ownerIn } from "../../../src/daemon/host/socket-owner.ts";
import { type Asked, comesFromPage, isForPage } from "../../../src/daemon/page/door.ts";

const PORT = 4_000;
const asked = (change: Partial<Asked> = {}): Asked => ({
  method: "POST",
  host: `127.0.0.1:${PORT}`,
  origin: `http://127.0.0.1:${PORT}`,
  site: "same-origin",
  ...change,
});

describe("the door of the page", () => {
  it.each([
    ["the page", {}],
    ["the page by its IPv6 address", { host: `[::1]:${PORT}`, origin: `http://[::1]:${PORT}` }],
    ["the page by its name", { host: `localhost:${PORT}`, origin: `http://localhost:${PORT}` }],
    ["the page in an old browser", { site: undefined }],
    ["a person who opened it", { method: "GET", origin: undefined, site: "none" }],
    ["the page when it reads", { method: "GET", origin: undefined }],
  ])("is open for %s", (_, change) => {
    expect(comesFromPage(asked(change), PORT)).toBe(true);
  });

  it.each([
    ["no host", { host: undefined }],
    ["a host without port", { host: "127.0.0.1" }],
    ["a host that begins like ours", { host: `127.0.0.1:${PORT}.evil.example` }],
    ["an origin of another scheme", { origin: `https://127.0.0.1:${PORT}` }],
    ["no origin", { origin: undefined }],
    ["a person who changes something", { site: "none" }],
    ["a site that is not understood", { method: "GET", site: "same-origin, none" }],
  ])("is closed for %s", (_, change) => {
    expect(comesFromPage(asked(change), PORT)).toBe(false);
  });

  it("leads only to settings that there are, and to none that runs a program", () => {
    const open = Object.keys(SETTINGS).filter((name) => isForPage("PUT", `/v1/settings/${name}`));
    expect(open).toContain("name");
    expect(open.filter((name) => name.startsWith("hooks."))).toEqual([]);
    expect(isForPage("PUT", "/v1/settings/limitsXrate.send")).toBe(false);
    expect(isForPage("PUT", "/v1/settings/name/")).toBe(false);
    expect(isForPage("put", "/v1/settings/name")).toBe(false);
    expect(isForPage("POST", "/v1/transfers/a/b/retry")).toBe(false);
  });

  it.each(["..\\peers\\x", "..", "%2e%2e", ".", "%2e%2e%2fpage", "a\\..\\..\\page", "x\ty"])(
    "takes nothing for an id that may lead elsewhere: %j",
    (id) => {
      expect(isForPage("DELETE", "/v1/devices/x")).toBe(true);
      expect(isForPage("DELETE", `/v1/devices/${id}`)).toBe(false);
      expect(isForPage("GET", `/v1/received/x/${id}`)).toBe(false);
    },
  );

  it("tells a path from its query", () => {
    expect(isForPage("GET", "/v1/history?limit=1")).toBe(false);
  });
});

describe("the owner of a connection", () => {
  const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000 100 0 0 10 0
   1: 0100007F:0FA0 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0000 20 4 30 10 -1
   2: 0100007F:C350 0100007F:0FA0 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0000 20 4 30 10 -1
`;
  it("is that of its other end, not of ours", () => {
    expect(ownerIn(TABLE, { remotePort: 0xc350, localPort: PORT })).toBe(1_001);
  });

  it("is not known when it is not in the table, or there is none", () => {
    expect(ownerIn(TABLE, { remotePort: 0xc351, localPort: PORT })).toBeUndefined();
    expect(ownerIn("", { remotePort: 0xc350, localPort: PORT })).toBeUndefined();
    expect(ownerIn(TABLE, {})).toBeUndefined();
  });
});
