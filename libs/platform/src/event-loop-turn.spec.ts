import { expect, it } from 'vitest';
import { eventLoopTurn } from './event-loop-turn.ts';

it('gives each who asks a turn of the event loop of its own', async () => {
  let turn = 0;
  let counting = setImmediate(function count() {
    turn++;
    counting = setImmediate(count);
  });
  const turns = await Promise.all([1, 2, 3].map(() => eventLoopTurn().then(() => turn)));
  clearImmediate(counting);
  expect(new Set(turns).size).toBe(3);
});
