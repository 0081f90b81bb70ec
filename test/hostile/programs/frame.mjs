// The frames of the protocol, as far as attacks need them.

/** @param {object} message */
export function frame(message) {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5, 1); // type 1: a message
  head.writeUInt32BE(1 + json.length);
  return Buffer.concat([head, json]);
}

/** Calls `heard` with each message that comes. @param {import("node:net").Socket} socket */
export function listen(socket, heard) {
  let unread = Buffer.alloc(0);
  socket.on("data", (data) => {
    unread = Buffer.concat([unread, data]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE()) {
      const end = 4 + unread.readUInt32BE();
      const message = JSON.parse(unread.subarray(5, end).toString());
      unread = unread.subarray(end);
      heard(message);
    }
  });
}
