import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readAccounts } from '../../src/apply/accounts.ts';
import { put, scratch } from '../support/scratch.ts';

it('users and groups are read from /etc as it stands', async () => {
  const here = scratch();
  put(join(here, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\nwww:x:33:34::/var/www:/usr/sbin/nologin\n');
  put(join(here, 'etc/group'), 'root:x:0:\nadm:x:4:www,root\n');
  const { users, groups } = await readAccounts(here);
  expect([...users]).toEqual([
    ['root', { uid: 0, gid: 0 }],
    ['www', { uid: 33, gid: 34 }],
  ]);
  expect([...groups]).toEqual([
    ['root', 0],
    ['adm', 4],
  ]);
});

it('lines that are torn, strange or hostile are no accounts', async () => {
  const here = scratch();
  const lines = [
    '',
    ':x:1:1::/:',
    'a',
    'b:x',
    'c:x:1',
    'd:x:-1:1::/:',
    'e:x:1x:1::/:',
    'f:x: 1:1::/:',
    'g:x:99999999999:1::/:',
    '+::::::',
    '__proto__:x:7:7::/:',
  ];
  put(join(here, 'etc/passwd'), `${lines.join('\n')}\nh:x:8:8`);
  put(join(here, 'etc/group'), 'a:x:\n:x:1:\n\u0000:x:zero:\n');
  const { users, groups } = await readAccounts(here);
  expect([...users.keys()]).toEqual(['__proto__', 'h']);
  expect(groups.size).toBe(0);
});

it('a machine without the tables has no accounts', async () => {
  const { users, groups } = await readAccounts(scratch());
  expect(users.size + groups.size).toBe(0);
});
