import { useEffect, useState } from 'preact/hooks';

export type Theme = 'light' | 'dark';

const themeKey = 'tidemill-theme';
const preference = () => matchMedia('(prefers-color-scheme: dark)');

/** What the reader chose for this page; undefined: as the system has it. */
export function chosenTheme(): Theme | undefined {
  const chosen = localStorage.getItem(themeKey);
  return chosen === 'light' || chosen === 'dark' ? chosen : undefined;
}

export function applyTheme(theme: Theme | undefined): void {
  if (theme === undefined) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

/** The theme in use, and how to choose the other one. Choosing what the system has gives the choice back to it. */
export function useTheme(): [Theme, () => void] {
  const [chosen, choose] = useState(chosenTheme);
  const [system, setSystem] = useState<Theme>(() => (preference().matches ? 'dark' : 'light'));
  useEffect(() => {
    const query = preference();
    const changed = () => setSystem(query.matches ? 'dark' : 'light');
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  const theme = chosen ?? system;
  const toggle = () => {
    const other = theme === 'dark' ? 'light' : 'dark';
    const next = other === system ? undefined : other;
    if (next === undefined) localStorage.removeItem(themeKey);
    else localStorage.setItem(themeKey, next);
    applyTheme(next);
    choose(next);
  };
  return [theme, toggle];
}

const colourNames = [
  'ink',
  'muted',
  'rule',
  'tide',
  'tide-soft',
  'drift',
  'warn',
  'ok',
  'panel',
  'label',
  'chosen',
] as const;
export type Colours = Readonly<Record<(typeof colourNames)[number], string>>;

/** The colours of the style sheet as a canvas understands them: resolved for the theme in use. */
export function resolvedColours(): Colours {
  const probe = document.createElement('span');
  document.body.append(probe);
  const entries = colourNames.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(entries) as Colours;
}
