import { describe, expect, it } from 'vitest';
import { Watermark } from './watermark.ts';

describe('Watermark', () => {
  const clock = { time: 0, now: () => clock.time };
  const fresh = () => new Watermark({ allowedLateness: 60, idleTimeout: 1000, clock });

  it('follows the slowest partition, minus the allowed lateness', () => {
    const watermark = fresh();
    expect(watermark.get()).toBe(Number.NEGATIVE_INFINITY);
    watermark.observe('texts-0', 500);
    watermark.observe('texts-1', 300);
    watermark.observe('texts-0', 400);
    expect(watermark.get()).toBe(240);
  });

  it('moves past the newest event when nothing has come for the idle time-out', () => {
    const watermark = fresh();
    watermark.observe('texts-0', 500);
    watermark.observe('texts-1', 300);
    clock.time += 1000;
    expect(watermark.get()).toBe(501);
    watermark.observe('texts-1', 310);
    expect(watermark.get()).toBe(250);
  });

  it('rests although what it knows is looked up again', () => {
    const watermark = fresh();
    watermark.learn('texts-0', 500);
    expect(watermark.idle).toBe(false);
    clock.time += 1000;
    watermark.learn('texts-0', 500);
    expect(watermark.idle).toBe(true);
    watermark.learn('texts-0', 501);
    expect(watermark.idle).toBe(false);
  });

  it('does not follow a time that lies days ahead of the clock', () => {
    const watermark = fresh();
    watermark.observe('texts-0', 500);
    watermark.observe('texts-0', clock.time + 2 * 86_400_000);
    expect(watermark.get()).toBe(440);
  });
});
