"""OpenStack Swift with its S3 API, all four of its servers in this one process, on 127.0.0.1.

usage: swift-server.py DIRECTORY PROXY ACCOUNT CONTAINER OBJECT   (the last four are ports)
What it is not: one disk, one replica, no cache, no replication, no auditors. Data stand in DIRECTORY.
"""
import os
import sys
import eventlet

eventlet.monkey_patch(all=False, socket=True, select=True, thread=True)
import eventlet.wsgi  # noqa: E402
import swift.common.utils  # noqa: E402

DATA = sys.argv[1]
PORTS = dict(zip(('proxy', 'account', 'container', 'object'), map(int, sys.argv[2:6])))
CONF = DATA + '/conf'
# Short pages: listings of more than one are what is looked at.
FILTERS = {
    'cache': 'memcache_servers = 127.0.0.1:9\n',
    's3api': 's3_acl = false\nlocation = us-east-1\nmax_bucket_listing = 100\n',
    'tempauth': 'user_test_tester = testing .admin\n',
}
PIPELINE = 'catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo versioned_writes symlink'


def write(name, text):
    with open('%s/%s' % (CONF, name), 'w') as file:
        file.write(text)


os.makedirs(CONF)
os.makedirs(DATA + '/srv/disk')
write('swift.conf', '[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n'
      '[storage-policy:0]\nname = default\ndefault = yes\n')
swift.common.utils.set_swift_dir(CONF)
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402

for name in ('account', 'container', 'object'):
    ring = RingBuilder(4, 1, 0)
    ring.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': PORTS[name], 'device': 'disk',
                  'weight': 1.0, 'replication_ip': '127.0.0.1', 'replication_port': PORTS[name], 'meta': ''})
    ring.rebalance()
    ring.get_ring().save('%s/%s.ring.gz' % (CONF, name))
    write(name + '-server.conf',
          '[DEFAULT]\nswift_dir = %s\ndevices = %s/srv\nmount_check = false\ndisable_fallocate = true\n'
          '[pipeline:main]\npipeline = %s-server\n[app:%s-server]\nuse = egg:swift#%s\n' % (CONF, DATA, name, name, name))
# tempauth wants the cache there, but not that it works: the port is one where nobody listens.
FACTORY = {'cache': 'memcache'}
write('proxy-server.conf',
      '[DEFAULT]\nswift_dir = %s\n[pipeline:main]\npipeline = %s proxy-server\n[app:proxy-server]\nuse = egg:swift#proxy\n'
      'account_autocreate = true\nallow_account_management = true\n' % (CONF, PIPELINE) +
      ''.join('[filter:%s]\nuse = egg:swift#%s\n%s' % (name, FACTORY.get(name, name), FILTERS.get(name, '')) for name in PIPELINE.split()))


def serve(name):
    listener = eventlet.listen(('127.0.0.1', PORTS[name]), backlog=1024)
    eventlet.wsgi.server(listener, loadapp('%s/%s-server.conf' % (CONF, name)), protocol=SwiftHttpProtocol,
                         capitalize_response_headers=False, log_output=False, debug=False)


for server in [eventlet.spawn(serve, name) for name in PORTS]:
    server.wait()
