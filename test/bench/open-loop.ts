import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { join } from 'node:path';
import type { TestStream } from '../support/stream.ts';
import { quantile } from './cpu.ts';
import { post } from './post.ts';
import { textRecords } from './served-model.ts';

const agent = new Agent({ keepAlive: true });

export interface OpenLoop {
  url: string;
  texts: readonly string[];
  /** Milliseconds of the whole loop, and between two requests. */
  duration: number;
  every: number;
  answered?: (body: unknown) => void;
}

/**
 * Sends a text every few milliseconds, whatever became of those before; latencies in milliseconds.
 * @throws Error when a request is not answered with 200
 */
export async function openLoop(load: OpenLoop): Promise<number[]> {
  const requests: Promise<number>[] = [];
  const started = performance.now();
  for (let sent = 0; sent < load.duration / load.every; sent++) {
    // From when it was due: what holds the client up counts as well.
    requests.push(request(load, load.texts[sent % load.texts.length] ?? '', started + sent * load.every));
    const next = started + (sent + 1) * load.every;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  return await Promise.all(requests);
}

async function request({ url, answered }: OpenLoop, text: string, due: number): Promise<number> {
  const answer: unknown = JSON.parse(await post(url, { agent, body: JSON.stringify({ texts: [text] }) }));
  const milliseconds = performance.now() - due;
  answered?.(answer);
  return milliseconds;
}

export function shownLatencies(values: readonly number[]): string {
  const [p50, p99, worst] = [0.5, 0.99, 1].map((share) => quantile(values, share).toFixed(1));
  return `p50 ${p50} ms, p99 ${p99} ms, worst ${worst} ms (${values.length} requests)`;
}

/** Texts that stream until it is disposed of, half as many a second as this machine manages. */
export async function halfLoad(test: TestStream): Promise<AsyncDisposable & { rate: number }> {
  const rate = Math.round((await mostTexts(test)) / 2);
  console.log(`texts streaming through the same host: ${rate} a second, half of what is managed here`);
  // In a process of its own: encoding them would delay what is measured here.
  const source = fork(join(import.meta.dirname, 'texts-at-rate.ts'), [test.topicPrefix, String(rate)], {
    execArgv: ['--conditions=tidemill-source'],
  });
  await once(source, 'message');
  return {
    rate,
    async [Symbol.asyncDispose]() {
      source.kill('SIGKILL');
      await once(source, 'exit');
    },
  };
}

/** Texts a second from the first one sent to the last one answered, everything on this machine. */
export async function mostTexts({ stream }: TestStream, count = 40_000): Promise<number> {
  const producer = stream.producer();
  const answered = async () => {
    const ends = await stream.admin.endOffsets('predictions');
    return ends.reduce((sum, { high }) => sum + Number(high), 0);
  };
  const before = await answered();
  const started = performance.now();
  for (let sent = 0; sent < count; sent += 1000) await producer.send('texts', textRecords(sent, 1000));
  while ((await answered()) < before + count) await new Promise((resolve) => setTimeout(resolve, 20));
  return (count / (performance.now() - started)) * 1000;
}
