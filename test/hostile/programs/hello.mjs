// The first message of a good TLS handshake, as bytes: a server cannot tell that
// nobody is there to go on with it, and does its half of the work.

import { Duplex } from "node:stream";
import { connect } from "node:tls";

/**
 * @param {string} alpn
 * @returns {Promise<Buffer>}
 */
export function clientHello(alpn) {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk, _, done) {
        resolve(chunk);
        done();
      },
    });
    connect({ socket: wire, ALPNProtocols: [alpn], servername: "", minVersion: "TLSv1.3" }).on("error", () => {});
  });
}
