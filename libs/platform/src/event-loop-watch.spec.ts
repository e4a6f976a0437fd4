import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EventLoopWatch } from './event-loop-watch.ts';
import { createMetrics } from './metrics.ts';

/** What is told of the second in which this was done. */
async function longest(work: (watch: EventLoopWatch) => Promise<void>): Promise<number> {
  const metrics = createMetrics();
  await work(new EventLoopWatch(metrics));
  const figure = async (name: string) =>
    Number(new RegExp(`^tidemill_event_loop_delay_seconds_${name} (\\S+)`, 'm').exec(await metrics.render())?.[1]);
  await expect.poll(() => figure('count'), { timeout: 5000 }).toBe(1);
  return await figure('sum');
}

it('says how long the event loop stood still while there was work', async () => {
  const blocked = await longest((watch) =>
    watch.during(
      (async () => {
        await delay(20);
        for (const end = performance.now() + 150; performance.now() < end;);
        await delay(20);
      })(),
    ),
  );
  expect(blocked).toBeGreaterThan(0.12);
});

it('counts no time in which there was nothing to do', async () => {
  const idle = await longest(async (watch) => {
    await watch.during(delay(30));
    await delay(400);
    await watch.during(delay(30));
  });
  expect(idle).toBeLessThan(0.3);
});
