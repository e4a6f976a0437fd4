/** Shape and word carry the meaning; colour only helps. */
const glyphs: Readonly<Record<string, string>> = {
  collecting: '…',
  stable: '●',
  warning: '△',
  drift: '▲',
  fired: '●',
  held: '◐',
  'not-met': '○',
  promoted: '✓',
  passed: '✓',
  finished: '✓',
  running: '▶',
  refused: '✕',
  failed: '✕',
  'rolled-back': '↩',
  'challenger-set': '⑂',
  'challenger-withdrawn': '✕',
};

const tones: Readonly<Record<string, string>> = {
  stable: 'ok',
  warning: 'warn',
  drift: 'bad',
  fired: 'tide',
  held: 'warn',
  promoted: 'ok',
  passed: 'ok',
  finished: 'ok',
  running: 'tide',
  refused: 'bad',
  failed: 'bad',
  'rolled-back': 'warn',
  'challenger-set': 'tide',
  'challenger-withdrawn': 'warn',
};

export function glyphOf(state: string): string {
  return glyphs[state] ?? '·';
}

export function toneOf(state: string): string {
  return tones[state] ?? 'quiet';
}

export function Badge({ state, text = state }: { state: string; text?: string }) {
  return (
    <span class={`badge tone-${toneOf(state)}`}>
      <span aria-hidden="true">{glyphOf(state)}</span> {text.replace('-', ' ')}
    </span>
  );
}
