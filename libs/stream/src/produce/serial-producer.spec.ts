import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMetrics, silentLogger, systemClock } from '#libs/platform';
import type { BaseOffset, RawProducer, TopicMessages } from '../backend/backend.ts';
import { streamError } from '../errors.ts';
import { SerialProducer } from './serial-producer.ts';

const value = Buffer.from('v');
const message = (key: string) => ({ key, value, partition: 0 });

const options = { clock: systemClock, logger: silentLogger, metrics: createMetrics(), sendTimeout: 1000 };

/** A producer whose answers the test decides; it notices requests that overlap. */
function scripted(answer: (batch: TopicMessages[], producer: number) => Promise<BaseOffset[]>) {
  const requests: { producer: number; keys: string[] }[] = [];
  let opened = 0;
  let closed = 0;
  let inFlight = 0;
  let overlapped = false;
  const open = async (): Promise<RawProducer> => {
    const producer = ++opened;
    return {
      async send(batch) {
        overlapped ||= inFlight > 0;
        inFlight++;
        requests.push({ producer, keys: batch.flatMap(({ messages }) => messages.map(({ key }) => String(key))) });
        try {
          return await answer(batch, producer);
        } finally {
          inFlight--;
        }
      },
      close: async () => void closed++,
    };
  };
  const serial = new SerialProducer({ ...options, open });
  return { serial, requests, opened: () => opened, closed: () => closed, overlapped: () => overlapped };
}

let next = 0n;
async function acknowledge(batch: TopicMessages[]): Promise<BaseOffset[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return batch.map(({ topic, messages }) => {
    const offset = next;
    next += BigInt(messages.length);
    return { topic, partition: 0, offset };
  });
}

describe('SerialProducer', () => {
  afterEach(() => vi.useRealTimers());

  it('never has two requests in flight, whatever overlaps', async () => {
    next = 0n;
    const { serial, requests, overlapped } = scripted(acknowledge);
    const sends = Array.from({ length: 50 }, async (_, i) => {
      for (let turn = 0; turn < i % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
      return serial.send(i % 2 === 0 ? 'a' : 'b', [message(`${i}-0`), message(`${i}-1`)]);
    });
    const written = (await Promise.all(sends)).flat();
    expect(overlapped()).toBe(false);
    expect(new Set(written.map(({ offset }) => offset)).size).toBe(100);
    // What waited travelled together.
    expect(requests.length).toBeLessThan(25);
    await serial.close();
  });

  it('splits what is too much for one request and keeps order', async () => {
    next = 0n;
    const { serial, requests } = scripted(acknowledge);
    const keys = Array.from({ length: 2500 }, (_, i) => `${i}`);
    const written = await serial.send('a', keys.map(message));
    expect(requests.map((request) => request.keys.length)).toEqual([500, 500, 500, 500, 500]);
    expect(requests.flatMap((request) => request.keys)).toEqual(keys);
    expect(written.map(({ offset }) => Number(offset))).toEqual(keys.map(Number));
  });

  it('sends nothing of a call after a part of it failed: sent again it would be out of order', async () => {
    let failing = true;
    const { serial, requests } = scripted((batch) => {
      if (!failing) return acknowledge(batch);
      failing = false;
      return Promise.reject(streamError('BROKER_UNAVAILABLE'));
    });
    const keys = Array.from({ length: 1200 }, (_, i) => `${i}`);
    const sent = serial.send('a', keys.map(message));
    const other = serial.send('b', [message('other')]);
    await expect(sent).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await other;
    expect(requests.map((request) => request.keys.length)).toEqual([500, 1]);
  });

  it('never uses a producer again after a failure: its sequence numbers are spoilt', async () => {
    const { serial, requests, opened, closed } = scripted((batch, producer) =>
      producer === 1 ? Promise.reject(streamError('BROKER_UNAVAILABLE')) : acknowledge(batch),
    );
    await expect(serial.send('a', [message('1')])).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    await serial.send('a', [message('2')]);
    expect(requests.map(({ producer }) => producer)).toEqual([1, 2]);
    expect([opened(), closed()]).toEqual([2, 1]);
  });

  it('takes nothing for written of which the broker says nothing', async () => {
    const { serial } = scripted((batch) => Promise.resolve(place(batch)));
    const elsewhere = { ...message('2'), partition: 1 };
    const sends = [[message('1')], [message('1'), elsewhere]].map((messages) => serial.send('a', messages));
    for (const sent of sends) await expect(sent).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', retriable: true });
    await serial.send('a', [message('1')]);
  });

  it('gives a request up after the deadline', async () => {
    vi.useFakeTimers();
    const never = new Promise<BaseOffset[]>(() => undefined);
    const { serial, opened } = scripted((batch, producer) => (producer === 1 ? never : Promise.resolve(place(batch))));
    const [failed] = await Promise.all([
      serial.send('a', [message('1')]).catch((error: unknown) => error),
      vi.advanceTimersByTimeAsync(1000),
    ]);
    expect(failed).toMatchObject({ code: 'SEND_TIMED_OUT', retriable: true });
    await serial.send('a', [message('2')]);
    expect(opened()).toBe(2);
  });

  it('fails only the record at fault when several travel together', async () => {
    const { serial } = scripted((batch) =>
      batch.some(({ messages }) => messages.some(({ key }) => key === 'bad'))
        ? Promise.reject(streamError('BROKER_REFUSED'))
        : Promise.resolve(place(batch)),
    );
    const outcomes = await Promise.allSettled(['1', 'bad', '2'].map((key) => serial.send('a', [message(key)])));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('sends nothing for a call whose fence is down', async () => {
    const { serial, requests } = scripted((batch) => Promise.resolve(place(batch)));
    const fenced = serial.send('a', [message('lost')], () => Promise.reject(streamError('CONSUMER_FENCED')));
    const open = serial.send('a', [message('mine')], () => Promise.resolve());
    await expect(fenced).rejects.toMatchObject({ code: 'CONSUMER_FENCED' });
    await open;
    expect(requests.flatMap(({ keys }) => keys)).toEqual(['mine']);
  });

  it('asks the fence when the producer is open, right before the request', async () => {
    const done: string[] = [];
    const serial = new SerialProducer({
      ...options,
      open: async () => {
        done.push('open');
        return { send: async (batch) => (done.push('send'), place(batch)), close: async () => undefined };
      },
    });
    await serial.send('a', [message('1')], async () => void done.push('fence'));
    expect(done).toEqual(['open', 'fence', 'send']);
  });

  it('asks the fence again before a record is sent on its own', async () => {
    let lost = false;
    const { serial, requests } = scripted(() => {
      lost = true;
      return Promise.reject(streamError('BROKER_REFUSED'));
    });
    const fence = async () => {
      if (lost) throw streamError('CONSUMER_FENCED');
    };
    const outcomes = await Promise.allSettled(['1', '2'].map((key) => serial.send('a', [message(key)], fence)));
    expect(outcomes).toMatchObject(Array(2).fill({ status: 'rejected', reason: { code: 'CONSUMER_FENCED' } }));
    expect(requests.flatMap(({ keys }) => keys)).toEqual(['1', '2']);
  });

  it('sends what waits before it closes, and nothing after', async () => {
    const { serial, requests, closed } = scripted(acknowledge);
    const sent = serial.send('a', [message('1')]);
    await serial.close();
    await sent;
    expect([requests.length, closed()]).toEqual([1, 1]);
    await expect(serial.send('a', [message('2')])).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' });
  });

  it('closes after one deadline beside a broker that does not answer, however much waits', async () => {
    vi.useFakeTimers();
    const { serial, requests } = scripted(() => new Promise(() => undefined));
    const full = Array.from({ length: 500 }, (_, i) => message(`${i}`));
    const sent = Promise.allSettled([1, 2, 3].map(() => serial.send('a', full)));
    let closed = false;
    void serial.close().then(() => (closed = true));
    await vi.advanceTimersByTimeAsync(1000);
    expect(closed).toBe(true);
    expect(await sent).toMatchObject(Array(3).fill({ status: 'rejected', reason: { code: 'SEND_TIMED_OUT' } }));
    expect(requests.length).toBe(1);
  });
});

function place(batch: TopicMessages[]): BaseOffset[] {
  return batch.map(({ topic }) => ({ topic, partition: 0, offset: 0n }));
}
