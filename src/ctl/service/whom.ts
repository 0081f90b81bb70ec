/** Whom a service is for, and whether whoever asks may have it. Pure. */

import { LanxferError } from "../../core/errors.ts";

export interface Asker {
  /** As Node calls it: `linux`, `darwin`. */
  readonly platform: string;
  readonly uid: number;
  readonly user: string | undefined;
  /** $SUDO_USER */
  readonly sudoUser: string | undefined;
}

export interface Wish {
  readonly system: boolean;
  readonly user: string | undefined;
  /** Something will be changed. */
  readonly changes: boolean;
}

export interface Whom {
  readonly kind: "user" | "system" | "launchd";
  readonly user: string;
}

/** Throws E_SERVICE, E_USAGE. */
export function whomFor(asker: Asker, wish: Wish): Whom {
  if (asker.platform === "darwin") return { kind: "launchd", user: namedBy(asker, wish) };
  if (asker.platform !== "linux") refuse("services are for systemd and launchd: start lanxferd by other means");
  if (wish.system) return { kind: "system", user: namedBy(asker, wish) };
  if (wish.user !== undefined) throw new LanxferError("E_USAGE", { text: "--user goes with --system" });
  const { uid, sudoUser, user } = asker;
  if (uid === 0 && sudoUser !== undefined) {
    refuse(`with sudo the service would be one of root: run this without sudo, or with --system --user ${sudoUser}`);
  }
  return { kind: "user", user: user ?? refuse("this user has no name on this system") };
}

/** The user of a service that only root can set up. */
function namedBy({ uid, user, sudoUser }: Asker, wish: Wish): string {
  if (uid !== 0 && wish.changes) refuse("a service of the system takes root: run this with sudo");
  const name = wish.user ?? (uid === 0 ? sudoUser : user);
  if (name === undefined) throw new LanxferError("E_USAGE", { text: "say whose files it is for: --user NAME" });
  if (name === "root") refuse("what others send must not be received by root: name another user with --user");
  return name;
}

function refuse(text: string): never {
  throw new LanxferError("E_SERVICE", { text });
}
