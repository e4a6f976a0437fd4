import { expect } from 'vitest';
import type { Text } from '#libs/events';
import type { Stream } from '#libs/stream';

export interface Ledger {
  /** Ids in the topic; those of one caller in the order in which they were written. */
  written: string[];
  /** Those of one caller in the order in which it sent them. */
  acknowledged: Set<string>;
}

const callers = Array.from({ length: 24 }, (_, i) => `${i}`);
const text = (id: string): Text => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });

/** Callers send texts side by side while `fault` happens, each to one partition and one call after the other. */
export async function ledger(stream: Stream, name: string, fault: () => Promise<void>): Promise<Ledger> {
  const producer = stream.producer();
  const acknowledged = new Set<string>();
  const until = new AbortController();
  const send = async (who: string) => {
    for (let n = 0; !until.signal.aborted || n < 20; n++) {
      const ids = Array.from({ length: 5 }, (_, i) => `${name}-${who}-${n}-${i}`);
      await producer.send(
        'texts',
        ids.map((id) => ({ key: who, value: text(id) })),
      );
      for (const id of ids) acknowledged.add(id);
    }
  };
  const sends = callers.map(send);
  await fault();
  until.abort();
  await Promise.all(sends);
  await producer.close();
  const written: string[] = [];
  await stream.readToEnd('texts', ({ value }) => {
    if (value?.id.startsWith(`${name}-`) === true) written.push(value.id);
  });
  return { written, acknowledged };
}

/** 0 lost, 0 doubled, 0 reordered. */
export function expectExact({ written, acknowledged }: Ledger): void {
  expect(written.length).toBe(acknowledged.size);
  expect(new Set(written)).toEqual(acknowledged);
  const of = (who: string, ids: Iterable<string>) => [...ids].filter((id) => id.split('-')[1] === who);
  for (const who of callers) expect(of(who, written)).toEqual(of(who, acknowledged));
}
