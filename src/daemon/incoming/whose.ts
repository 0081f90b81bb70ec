/** Whose trouble ended a transfer to this device, for its own user. */

import type { ErrorCode, LanxferError } from "../../core/errors.ts";

export const HERE = "this device";

/** Of the receiver, unless the sender said so of itself. */
const RECEIVERS: ReadonlySet<ErrorCode> = new Set(["E_NO_SPACE", "E_INBOX", "E_LIMIT", "E_BUSY", "E_STOPPING"]);

/** The same error, in which the right one of both is named. What came over the wire names the other end already. */
export function naming(error: LanxferError, sender: string): LanxferError {
  const { peer } = error.details;
  const isHere = peer === undefined ? RECEIVERS.has(error.code) : peer === HERE;
  return error.with({ peer: isHere ? HERE : sender });
}
