import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands before a server that can so be made to go away: connections are cut, new ones too. */
export interface TcpProxy extends AsyncDisposable {
  port: number;
  away: () => void;
  back: () => void;
}

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let reachable = true;
  const server = createServer((socket) => {
    if (!reachable) return void socket.destroy();
    const beyond = connect(target);
    for (const one of [socket, beyond]) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        socket.destroy();
        beyond.destroy();
      });
    }
    socket.pipe(beyond).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    away() {
      reachable = false;
      cut();
    },
    back() {
      reachable = true;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}
