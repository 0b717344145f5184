import { describe, expect, it } from 'vitest';
import { rowOf } from '../../src/cli/fleet/row.ts';
import { tableLines } from '../../src/cli/fleet/table.ts';
import { NOW, statusOf } from '../support/fleet.ts';

const ROLE = 'production-webserver-frontend-of-the-shop';
const rows = ['hello', ROLE].map((role) => rowOf({ ...statusOf('i-0a11ce00000000001'), role }, NOW));
const lines = (width: number | undefined) => tableLines(rows, [], { now: NOW, wide: false, width });

describe('the table on a terminal', () => {
  it.each([80, 60, 40])('has the health of each in view at %d columns, however long a role is called', (width) => {
    const [head, ...others] = lines(width);
    for (const line of [head!, ...others]) expect(line.length).toBeLessThanOrEqual(width);
    expect(head).toMatch(/^INSTANCE +R\S* +C?\S* +HEALTH/);
    for (const line of others) expect(line).toMatch(/^i-0a11ce00000000001 .* healthy/);
  });

  it('says where a name is shortened, and shortens none where there is room', () => {
    expect(lines(80).join('\n')).toMatch(/ production-\S*\.\.\. /);
    for (const width of [200, undefined]) expect(lines(width).join('\n')).toContain(` ${ROLE}  `);
  });
});
