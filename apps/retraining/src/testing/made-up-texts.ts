/** Words of a made-up language each. */
const words: Readonly<Record<string, readonly string[]>> = {
  north: ['lumi', 'järvi', 'talo', 'metsä', 'kala', 'sauna', 'yö', 'tuuli'],
  south: ['mare', 'sole', 'vino', 'strada', 'luna', 'terra', 'fiore', 'canto'],
  east: ['дом', 'река', 'снег', 'окно', 'хлеб', 'ночь', 'лес', 'поле'],
};

/** Labelled texts of one language, no two alike; `from` continues after so many. */
export function madeUpTexts(label: string, count: number, from = 0): { text: string; label: string }[] {
  const vocabulary = words[label] ?? [];
  return Array.from({ length: count }, (_, i) => {
    const pick = (digit: number) => vocabulary[Math.floor((i + from) / 8 ** digit) % 8] ?? '';
    return { text: [0, 1, 2, 3].map(pick).join(' '), label };
  });
}
