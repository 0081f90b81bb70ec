/**
 * What this machine lets a test do. A suite that needs more than an ordinary
 * user may do asks here: where something is missing it is skipped with one line
 * that says what, and with CI=true it fails instead, so that a pipeline is never
 * green because nothing ran.
 */

import { spawnSync } from "node:child_process";
import { describe, it } from "vitest";

interface Probe {
  /** Does the thing itself, in namespaces that end with the shell: nothing is left behind. */
  readonly script: string;
  readonly asks: string;
}

const PROBES = {
  hosts: {
    script: `unshare --net --uts sh -c '
      hostname probe && ip link add br0 type bridge && ip link add port0 type veth peer name eth0' &&
      nsenter --version && setpriv --pdeathsig KILL true`,
    asks: "network namespaces with a bridge (root, iproute2, util-linux)",
  },
  firewall: {
    script: `printf 'table inet probe {\\n}\\n' | unshare --net nft -f -`,
    asks: "rules of nftables (root, nftables)",
  },
  mounts: {
    script: `unshare --mount sh -c 'mount -t tmpfs -o size=1m none /tmp && touch /tmp/probe'`,
    asks: "mounts of its own (root)",
  },
  exfat: {
    script: `image=$(mktemp -d) && truncate -s 8M $image/disk && mkfs.exfat $image/disk && mkdir $image/at &&
      loop=$(losetup --find --show $image/disk) && unshare --mount sh -c "
        mount.exfat-fuse $loop $image/at && touch $image/at/probe"; ok=$?
      losetup --detach $loop; rm -r $image; exit $ok`,
    asks: "exFAT over FUSE (root, exfat-fuse, exfatprogs)",
  },
  browser: {
    script: "test -x /usr/bin/chromium",
    asks: "Debian's browser (chromium)",
  },
  avahi: {
    script: "avahi-daemon --version && avahi-browse --version && dbus-daemon --version",
    asks: "Avahi and its tools (avahi-daemon, avahi-utils, dbus)",
  },
  zeroconf: {
    script: "/usr/bin/python3 -c 'import zeroconf'",
    asks: "python-zeroconf (python3-zeroconf)",
  },
  faults: {
    script: `strace -f -o /dev/null -e inject=getppid:error=EIO true`,
    asks: "strace with fault injection",
  },
  machines: {
    script: `test -x /lib/systemd/systemd -a -x /usr/bin/dbus-daemon -a -e /usr/lib/systemd/user/dbus.socket &&
      ls /lib/*/security/pam_systemd.so && unshare --mount --pid --fork --cgroup sh -c '
        mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs none /run &&
        mkdir /run/a /run/b /run/c && mount -t overlay -o lowerdir=/etc,upperdir=/run/a,workdir=/run/b overlay /run/c'`,
    asks: "systemd in namespaces (root, systemd, dbus-user-session, libpam-systemd)",
  },
  debian: {
    script: `lintian --version && dpkg-deb --version && dpkg --compare-versions "$(
      dpkg-query --show --showformat='\${Version}' nodejs)" ge 20.19`,
    asks: "what Debian packages are made and looked at with (dpkg, lintian), and its nodejs (>= 20.19)",
  },
  macos: {
    script: "plistutil --version && ruby --version",
    asks: "programs that read property lists and Ruby (libplist-utils, ruby)",
  },
  manual: { script: "command -v mandoc", asks: "mandoc (mandoc)" },
  bash: { script: "command -v bash && command -v script", asks: "bash and a terminal (bsdutils)" },
  zsh: { script: "command -v zsh && command -v script", asks: "zsh and a terminal (zsh, bsdutils)" },
  fish: { script: "command -v fish && command -v script", asks: "fish and a terminal (fish, bsdutils)" },
  units: {
    script: "systemd-analyze --version",
    asks: "systemd-analyze (systemd)",
  },
} as const satisfies Record<string, Probe>;

export type Need = keyof typeof PROBES;

/** What of `needs` this machine does not offer, in words. */
export function missing(needs: readonly Need[]): string[] {
  return needs
    .filter((need) => spawnSync("sh", ["-c", PROBES[need].script]).status !== 0)
    .map((need) => PROBES[need].asks);
}

/**
 * A `describe` for suites that need `needs`. Probes once, when the test file is
 * loaded.
 */
export function suiteFor(needs: readonly Need[]): (title: string, body: () => void) => void {
  const lacking = missing(needs);
  if (lacking.length === 0) return (title, body) => void describe(title, body);
  const reason = `this machine does not offer ${lacking.join(" or ")}`;
  if (process.env["CI"] === "true") {
    return (title) =>
      void describe(title, () => {
        it("can run on this machine", () => {
          throw new Error(reason);
        });
      });
  }
  return (title, body) => {
    process.stderr.write(`skipped: ${title}: ${reason}\n`);
    describe.skip(title, body);
  };
}
