import { hash } from 'node:crypto';

/**
 * Whether a canary with this share answers a text. The same text has the same answer while the share stays; a larger
 * share only adds texts. Salted with the model: canaries of several models do not answer the same texts.
 */
export function answeredByCanary(model: string, textId: string, share: number): boolean {
  const place = hash('sha256', `${model}\0${textId}`, 'buffer').readUInt32BE() / 2 ** 32;
  return place < share;
}
