/** Sends texts at a rate until it is killed. Arguments: topic prefix, texts a second. */
import { openTestStream } from '../support/stream.ts';
import { textRecords } from './served-model.ts';

const [, , topicPrefix = '', rate = ''] = process.argv;
const every = 20;
const { stream } = await openTestStream({ topicPrefix, create: [] });
const producer = stream.producer();
const started = performance.now();
let sent = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - started) * Number(rate)) / 1000) - sent;
  void producer.send('texts', textRecords(1_000_000 + sent, due));
  sent += due;
}, every);
process.send?.('ready');
