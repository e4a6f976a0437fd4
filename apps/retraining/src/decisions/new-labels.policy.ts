import type { Finding } from './decision.ts';

/** New labels: enough has been learned about by people that was not trained on. */
export function newLabelsPolicy({ labels, above, since }: { labels: number; above: number; since: number }): Finding {
  const evidence = { labels, above, since };
  const met = labels > above;
  const reason = `${labels} new labels since the last training, ${met ? 'more than' : 'not more than'} ${above}`;
  return { policy: 'new-labels', met, reason, evidence };
}
