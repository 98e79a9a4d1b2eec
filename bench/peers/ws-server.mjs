// The yardstick of the live updates: a server with `ws` that does nothing but send what it is told to.
//
// It prints its port. `GET /burst?count=N&bytes=B` sends N texts of B bytes, one after the other, to everybody
// who is connected, and answers when all are handed to the sockets.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  if (pathname !== "/burst") return response.writeHead(404).end();
  const text = Buffer.alloc(Number(searchParams.get("bytes")), "x");
  for (let nth = Number(searchParams.get("count")); nth > 0; nth -= 1) {
    for (const client of sockets.clients) client.send(text, { binary: false });
  }
  response.end();
});
// Whoever measures keeps its connection, however long the other side of a round takes.
server.keepAliveTimeout = 0;
const sockets = new WebSocketServer({ server });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
