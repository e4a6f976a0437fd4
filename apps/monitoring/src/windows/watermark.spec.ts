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

  it('waits for partitions that hold events, and after a rest for all of them again', () => {
    const watermark = fresh();
    watermark.expect('texts-1');
    watermark.observe('texts-0', 500);
    expect(watermark.get()).toBe(Number.NEGATIVE_INFINITY);
    watermark.observe('texts-1', 300);
    watermark.expect('texts-1');
    expect(watermark.get()).toBe(240);
    clock.time += 1000;
    watermark.observe('texts-0', 900);
    expect(watermark.get()).toBe(240);
    watermark.observe('texts-1', 800);
    expect(watermark.get()).toBe(740);
  });

  it('gives up on a partition that stays silent', () => {
    const watermark = fresh();
    watermark.expect('texts-1');
    clock.time += 500;
    watermark.observe('texts-0', 500);
    clock.time += 500;
    expect(watermark.get()).toBe(440);
  });

  it('does not follow a time that lies days ahead of the clock', () => {
    const watermark = fresh();
    watermark.observe('texts-0', 500);
    watermark.observe('texts-0', clock.time + 2 * 86_400_000);
    expect(watermark.get()).toBe(440);
  });
});
