import { expect, it } from "vitest";
import { shortId } from "../../../src/core/ids.ts";
import { peerView } from "../../../src/daemon/views.ts";
import type { Peer } from "../../../src/discovery/types.ts";
import { idOf } from "../discovery/support/packets.ts";
import { endpoint } from "../discovery/support/table.ts";

const id = idOf("nas");
const peer: Peer = { id, name: "NAS", endpoints: [endpoint("192.0.2.9", "known")], state: "present", seenAt: 0 };
const device = { id, name: "nas", policy: "auto", since: 0 } as const;

it("calls a peer as it announces itself, beside the name that the user has for it", () => {
  expect(peerView(peer, [device])).toMatchObject({ name: "NAS", petname: "nas", paired: true });
  expect(peerView(peer, [])).toMatchObject({ name: "NAS", petname: null, paired: false });
});

it("calls a peer that announces nothing as the user does, and never by the whole of its id", () => {
  expect(peerView({ ...peer, name: id }, [device])).toMatchObject({ name: "nas", petname: "nas" });
  expect(peerView({ ...peer, name: id }, [])).toMatchObject({ name: shortId(id), petname: null });
});
