// The texts of a Debian package that are made, not copied. Pure.

/** Who answers for the package; set $DEBFULLNAME and $DEBEMAIL to build one of your own. */
const MAINTAINER = `${process.env.DEBFULLNAME ?? "lanxfer authors"} <${process.env.DEBEMAIL ?? "lanxfer@packages.invalid"}>`;

const SUMMARY = "send files between the machines of one local network, by name";
const LONG = `\
 A daemon announces itself on the local network and takes files and folders
 from devices that its user paired; a command sends to them by name. No
 accounts, no cloud, no addresses. What arrives is verified, nothing is
 overwritten, and what was interrupted goes on by itself.
`;
const OWN_NODE = `\
 .
 This package brings a Node.js of its own, for systems whose package of it is
 older than 20.19.
`;

export function control({ name, version, arch, size, withNode }) {
  const depends = withNode ? "libc6 (>= 2.28), libgcc-s1, libstdc++6" : "nodejs (>= 20.19), libc6 (>= 2.28)";
  const other = withNode ? "lanxfer" : "lanxfer-with-node";
  const fields = {
    Package: name,
    Version: `${version}-1`,
    Architecture: arch,
    Maintainer: MAINTAINER,
    "Installed-Size": size,
    Depends: depends,
    Recommends: "systemd (>= 246)",
    Suggests: "libnotify-bin",
    Conflicts: other,
    Replaces: other,
    ...(withNode && { Provides: "lanxfer" }),
    Section: "net",
    Priority: "optional",
    Description: `${SUMMARY}\n${LONG}${withNode ? OWN_NODE : ""}`.trimEnd(),
  };
  return `${Object.entries(fields)
    .map(([field, value]) => `${field}: ${value}`)
    .join("\n")}\n`;
}

export function changelog({ name, version, made }) {
  const date = made.toUTCString().replace("GMT", "+0000");
  return `${name} (${version}-1) unstable; urgency=medium\n\n  * What is new is in changelog.gz.\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** In the form that machines read (copyright-format 1.0), with the license of everything that is inside. */
export function copyright({ license, packages, home, nodeVersion, docs }) {
  const node = `Node.js ${nodeVersion}, as its makers distribute it. Its license, and those of what\nis inside of it: ${docs}/LICENSE.node.gz`;
  const parts = [
    { files: "*", license: "lanxfer", text: license },
    ...packages.map(({ path, name, text, license: kind }) => ({
      files: `${home.slice(1)}/${path}/*`,
      license: name.replaceAll(/[@/]/g, "_"),
      text: wordsOf(kind, text),
    })),
    ...(nodeVersion === undefined ? [] : [{ files: `${home.slice(1)}/node`, license: "node", text: node }]),
  ];
  const paragraphs = parts.map(({ files, license: label, text }) => {
    const holders = [...text.matchAll(/^\s*(copyright\b.*\d{4}.*)$/gim)].map(([, line]) => line.trim()).slice(0, 3);
    return `Files: ${files}\nCopyright: ${holders.join("\n ") || "its authors"}\nLicense: ${label}\n${indented(text)}\n`;
  });
  const format = "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/";
  return `Format: ${format}\nUpstream-Name: lanxfer\n\n${paragraphs.join("\n")}`;
}

/** Debian has the text of some licenses on every machine, and wants it to be referred to. */
function wordsOf(kind, text) {
  const known = /^\s*Apache License\s+Version 2\.0/.test(text) || kind === "Apache-2.0";
  if (known) return "Apache License, Version 2.0: on Debian systems it is in\n/usr/share/common-licenses/Apache-2.0";
  return text || `Distributed under the license ${kind}.`;
}

function indented(text) {
  return text
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`))
    .join("\n");
}

export function lintianOverrides({ name, privateNode }) {
  const node = `
# This Node is built by its makers, with the libraries that they chose; to have
# it as it is, is what this package is for.
${name}: embedded-library *
${name}: unstripped-binary-or-object *usr/lib/lanxfer/node*
${name}: wrong-path-for-interpreter *
${name}: missing-dep-for-interpreter *
`;
  return `\
# As its makers distribute it, so that its digest is the one in package-lock.json.
${name}: unstripped-binary-or-object *blake*.node*
${privateNode ? node : ""}`;
}
