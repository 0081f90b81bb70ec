/**
 * Pairing by invite, over a connection whose ends have shown their keys
 * (docs/PROTOCOL.md section 6.6). The device that was given the invite dials and
 * redeems, the one that made it answers:
 *
 *     redeemer  invite-redeem { sid, name, port, mac }
 *     inviter                   invite-accept { name, port, mac }, or invite-refuse {}
 *     redeemer  invite-done {}
 *
 * The proofs are bound to this very connection and to both devices: what one
 * connection carried is worth nothing on another.
 */

import { timingSafeEqual } from "node:crypto";
import { invariant } from "../core/assert.ts";
import { LanxferError } from "../core/errors.ts";
import { base32Encode, type DeviceId } from "../core/ids.ts";
import type { PairChannel } from "./channel.ts";
import type { Invite } from "./invite.ts";
import type { InviteBook } from "./invite-book.ts";
import {
  acceptMac,
  EXPORTER_BYTES,
  EXPORTER_LABEL,
  MAC_BYTES,
  redeemMac,
  type Session,
  SID_BYTES,
  sessionKey,
} from "./invite-proof.ts";
import { bytesIn, fieldsOf, type Introduction, introductionIn, type Partner, unexpected } from "./pairing-message.ts";

/** Trusts a device. Resolves when the trust will survive a power cut. */
export type Pin = (device: { readonly id: DeviceId; readonly name: string }) => Promise<unknown>;

/** What a device brings along: how it introduces itself, and how it comes to trust another one. */
export interface Party extends Introduction {
  readonly pin: Pin;
}

/** Throws E_USAGE for an invite of this very device, with which there is nothing to do. */
export function refuseOwn({ id }: Invite, self: DeviceId): void {
  if (id === self) throw new LanxferError("E_USAGE", { text: "this device made the invite itself" });
}

/**
 * Redeems an invite with the device at the other end and trusts it. Rejects
 * with E_IDENTITY, before anything is sent, when that is not the device that
 * made the invite; with E_INVITE when it refuses or cannot prove the secret.
 */
export async function redeemInvite(
  channel: PairChannel,
  invite: Invite,
  party: Party & { readonly random: (bytes: number) => Uint8Array },
): Promise<Partner> {
  refuseOwn(invite, channel.self);
  if (invite.id !== channel.peer) {
    const ids = { expected: invite.id, got: channel.peer };
    throw new LanxferError("E_IDENTITY", { peer: "the device that made the invite", ...ids });
  }
  const own = ownIntroduction(party);
  const sid = party.random(SID_BYTES);
  const session = openSession(channel, { redeemer: channel.self, inviter: channel.peer, sid });
  const key = sessionKey(invite.secret, session);
  const mac = base32Encode(redeemMac(key, session, own));
  await channel.send({ t: "invite-redeem", sid: base32Encode(sid), ...own, mac });

  const answer = fieldsOf(await channel.receive());
  if (answer.t === "invite-refuse") throw new LanxferError("E_INVITE");
  const proof = bytesIn(answer.mac, MAC_BYTES);
  const theirs = introductionIn(answer);
  if (answer.t !== "invite-accept" || proof === undefined || theirs === undefined) throw unexpected();
  if (!timingSafeEqual(proof, acceptMac(key, session, own, theirs))) throw new LanxferError("E_INVITE");
  await party.pin({ id: channel.peer, name: theirs.name });
  await channel.send({ t: "invite-done" }).catch(() => undefined); // by now both trust each other, heard or not
  return { id: channel.peer, ...theirs };
}

/**
 * Answers the first message of a redeemer and trusts it when it proves an open
 * invite, which is spent before anything else happens. Rejects with E_INVITE
 * for any proof that is not good; the other end never learns why. Rejects with
 * the channel's error when the other end left before it was done: then it is
 * trusted here, and may not trust us.
 */
export async function answerRedeem(
  channel: PairChannel,
  firstMessage: unknown,
  book: InviteBook,
  party: Party,
): Promise<Partner> {
  const own = ownIntroduction(party);
  const { theirs, mac } = await judge(channel, firstMessage, book, party, own).catch(async (error: unknown) => {
    await channel.send({ t: "invite-refuse" }).catch(() => undefined); // whoever left needs no answer
    throw error;
  });
  await channel.send({ t: "invite-accept", ...own, mac });
  if (fieldsOf(await channel.receive()).t !== "invite-done") throw unexpected();
  return { id: channel.peer, ...theirs };
}

/** Spends the invite and trusts the redeemer, or throws why not. Gives our proof in return for theirs. */
async function judge(channel: PairChannel, message: unknown, book: InviteBook, { pin }: Party, own: Introduction) {
  const request = fieldsOf(message);
  const sid = bytesIn(request.sid, SID_BYTES);
  const proof = bytesIn(request.mac, MAC_BYTES);
  const theirs = introductionIn(request);
  if (request.t !== "invite-redeem" || sid === undefined || proof === undefined || theirs === undefined) {
    throw unexpected();
  }
  if (channel.peer === channel.self) throw new LanxferError("E_INVITE"); // a copy of our own key, which proves nothing
  const session = openSession(channel, { redeemer: channel.peer, inviter: channel.self, sid });
  const secret = book.spend((open) => timingSafeEqual(proof, redeemMac(sessionKey(open, session), session, theirs)));
  if (secret === undefined) throw new LanxferError("E_INVITE");
  await pin({ id: channel.peer, name: theirs.name });
  return { theirs, mac: base32Encode(acceptMac(sessionKey(secret, session), session, theirs, own)) };
}

function openSession(channel: PairChannel, ends: Omit<Session, "exported">): Session {
  return { ...ends, exported: channel.exportKey(EXPORTER_LABEL, ends.sid, EXPORTER_BYTES) };
}

function ownIntroduction({ name, port }: Introduction): Introduction {
  const own = introductionIn({ name, port });
  invariant(own !== undefined, "our name has 1 to 63 bytes and our port is one");
  return own;
}
