import { expect, it } from 'vitest';
import { PipelineTransport } from './pipeline-transport.ts';

it('starts in order and drains in reverse', async () => {
  const events: string[] = [];
  const part = (name: string) => async () => {
    events.push(`start ${name}`);
    return { close: async () => void events.push(`close ${name}`) };
  };
  const transport = new PipelineTransport([part('a'), part('b')]);
  await new Promise<void>((resolve) => transport.listen(() => resolve()));
  await transport.close();
  expect(events).toEqual(['start a', 'start b', 'close b', 'close a']);
});

it('passes on why it could not start, and still closes what had started', async () => {
  let closed = false;
  const transport = new PipelineTransport([
    async () => ({ close: async () => void (closed = true) }),
    () => Promise.reject(new Error('no broker')),
  ]);
  const error = await new Promise((resolve) => transport.listen(resolve));
  expect(error).toMatchObject({ message: 'no broker' });
  await transport.close();
  expect(closed).toBe(true);
});

it('that is closed while a part starts closes that part, and starts no other', async () => {
  const started = Promise.withResolvers<{ close(): Promise<void> }>();
  let closed = 0;
  const transport = new PipelineTransport([() => started.promise, () => expect.unreachable()]);
  const listening = new Promise<void>((resolve) => transport.listen(() => resolve()));
  const closing = transport.close();
  started.resolve({ close: async () => void closed++ });
  await closing;
  await listening;
  expect(closed).toBe(1);
});

it('that is closed does not wait for a part that does not start, and closes it when it does', async () => {
  const started = Promise.withResolvers<{ close(): Promise<void> }>();
  const transport = new PipelineTransport([() => started.promise, () => expect.unreachable()], 1);
  const listening = new Promise<void>((resolve) => transport.listen(() => resolve()));
  await transport.close();
  let closed = 0;
  started.resolve({ close: async () => void closed++ });
  await listening;
  expect(closed).toBe(1);
});
