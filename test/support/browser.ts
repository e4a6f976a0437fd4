import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

export const noBrowser = `no browser: install Chromium (${names.join(', ')} on PATH) or name one in CHROME_PATH`;

/** The Chromium of CHROME_PATH, else the first one on PATH. */
export function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const named = process.env['CHROME_PATH'] ?? '';
  return (named === '' ? candidates : [named]).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
