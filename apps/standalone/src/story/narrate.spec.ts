import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { narrator } from './narrate.ts';
import { Story } from './story.ts';

const examples = join(import.meta.dirname, '..', '..', '..', '..', 'schemas', 'examples');

/** An example record as the gateway sends it: times as RFC 3339. */
function example(topic: string, name: string): unknown {
  return JSON.parse(readFileSync(join(examples, topic, '1', `${name}.json`), 'utf8'), (key, value: unknown) =>
    typeof value === 'number' && /(At|^at|Start|End)$/.test(key) ? new Date(value).toISOString() : value,
  );
}

const plain = (text: string) => text;
/** One event, told to who has heard nothing. */
const narrate = (event: string, data: unknown, mask = plain) => narrator(mask)(event, data);

describe('the story', () => {
  it('tells drift with its words', () => {
    expect(narrate('drift-reports', example('drift-reports', 'drift'))).toMatch(/▲ reviews 03-06 09:00–12:00: drift: /);
    expect(narrate('drift-reports', example('drift-reports', 'collecting'))).toBeUndefined();
    expect(narrate('drift-reports', example('drift-reports', 'restated'))).toBeUndefined();
  });

  it('hides what a private stream hides', () => {
    const told = narrate('drift-reports', example('drift-reports', 'drift'), () => '[name]');
    expect(told).toContain('[name]');
  });

  it.each([
    ['registry-events', 'promoted', /→ .*@\d+ promoted/],
    ['registry-events', 'refused', /✗ .*@\d+ refused/],
    ['registry-events', 'rolled-back', /↩ .*@\d+ rolled back/],
    ['registry-events', 'challenger-set', /→ .*@\d+ is tried: /],
    ['registry-events', 'challenger-withdrawn', /✗ .*@\d+ is tried no longer: /],
    ['registry-events', 'version-registered', /→ .*@\d+ trained and registered/],
    ['trigger-decisions', 'fired', /→ retraining of /],
    ['performance-reports', 'window', /accuracy of /],
  ])('tells %s %s', (topic, name, sentence) => {
    expect(narrate(topic, example(topic, name))).toMatch(sentence);
  });

  it('leaves what became of a canary to the registry', () => {
    expect(
      narrate('trigger-decisions', { ...Object(example('trigger-decisions', 'fired')), policy: 'canary' }),
    ).toBeUndefined();
  });

  it('tells the accuracy of a window once, when its first labels have come', () => {
    const tell = narrator(plain);
    const report = (more: object) =>
      tell('performance-reports', { ...Object(example('performance-reports', 'window')), ...more });
    expect(report({ labelled: 0 })).toBeUndefined();
    expect(report({ revision: 1 })).toContain('03-03 09:00–12:00: accuracy of reviews@1 0.897');
    expect(report({ revision: 2, labelled: 200 })).toBeUndefined();
    const next = { windowStart: '2026-03-03T12:00:00.000Z', windowEnd: '2026-03-04T01:00:00.000Z' };
    expect(report({ ...next, revision: 0 })).toContain('03-03 12:00–03-04 01:00: ');
    expect(report({ model: 'mail' })).toContain('mail@1');
  });

  it.each([
    ['trigger-decisions', 'not-met'],
    ['registry-events', 'run-started'],
    ['performance-reports', 'no-labels'],
  ])('leaves out %s %s', (topic, name) => {
    expect(narrate(topic, example(topic, name))).toBeUndefined();
  });

  it('does not stop at what it does not know', () => {
    expect(narrate('something-new', { a: 1 })).toBeUndefined();
    expect(narrate('drift-reports', { model: 7 })).toBeUndefined();
  });

  it('draws progress over on a terminal, and says it now and then elsewhere', () => {
    let now = 0;
    const written: string[] = [];
    const write = (text: string) => written.push(text);
    const terminal = new Story({ write, isTTY: true, columns: 20 }, { now: () => now });
    terminal.progress('a long piece of work');
    terminal.line('news');
    expect(written.join('')).toBe('  a long piece of w\r\u001b[2Knews\n  a long piece of w');
    written.length = 0;
    const file = new Story({ write }, { now: () => now });
    now = 20_000;
    file.progress('a');
    file.progress('b');
    now = 40_000;
    file.progress('c');
    expect(written).toEqual(['  a\n', '  c\n']);
  });
});
