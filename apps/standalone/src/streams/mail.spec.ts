import { beforeAll, describe, expect, it } from 'vitest';
import { type Mail, readMails } from './mail-corpus.ts';
import { mailReplay, mailScript } from './mail.ts';
import { maskPersonal } from './mask.ts';
import { playDigest } from './testing/play-through.ts';

describe('the mail stream', () => {
  let mails: Mail[] = [];
  beforeAll(async () => {
    mails = await readMails();
  });

  it('is the same every time', async () => {
    expect(playDigest(await mailScript())).toBe(playDigest(mailReplay(mails, 42)));
    expect(playDigest(mailReplay(mails, 43))).not.toBe(playDigest(mailReplay(mails, 42)));
  });

  it('reads every different mail once', () => {
    const spam = mails.filter(({ label }) => label === 'spam');
    // 6,046 files, of which 163 say what another one says.
    expect([mails.length, spam.length]).toEqual([5883, 1775]);
    expect(new Set(mails.map(({ text }) => text)).size).toBe(mails.length);
    expect(mails.every(({ text }) => text.length <= 1000)).toBe(true);
  });

  it('keeps texts and labels in their slices, by time', () => {
    let from = Number.NEGATIVE_INFINITY;
    const promised = new Set<string>();
    for (const { until, texts, labels } of mailReplay(mails, 42).slices()) {
      for (const { id, occurredAt } of texts) {
        expect(occurredAt >= from && occurredAt < until && !promised.has(id)).toBe(true);
        promised.add(id);
      }
      for (const { textId, labelledAt } of labels) {
        expect(labelledAt >= from && labelledAt < until && promised.delete(textId)).toBe(true);
      }
      from = until;
    }
    expect(promised.size).toBe(0);
  });
});

describe('what is shown of a mail', () => {
  it.each([
    ['write to jane.doe+lists@mail.example.com today', 'write to [address] today'],
    ['see http://www.example.com/a?b=c&d and www.example.org', 'see [link] and [link]'],
    ['ask example.co.uk/path', 'ask [link]'],
    ['call (555) 123-4567 now', 'call ([number] now'],
    ['thanks to Jane Q. Doe and to Mary', 'thanks to [name] and to [name]'],
    ['nothing to hide here', 'nothing to hide here'],
  ])('%s', (text, shown) => {
    expect(maskPersonal(text)).toBe(shown);
  });
});
