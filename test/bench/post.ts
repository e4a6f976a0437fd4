import { type Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';

/** Posts JSON over a kept connection, without what `fetch` leaves for the garbage collector; @throws when it is not answered with 200. */
export function post(url: string, { agent, body }: { agent: Agent; body: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url} answered ${String(response.statusCode)}`));
      text(response).then(resolve, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
