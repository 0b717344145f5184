#!/bin/sh
# The steps of the planet.sh that this project comes from, as its owners would write them today: no agent, no checks, no way back.
# Left out, as in the boot beside it: the upgrade of all packages, and the installation of nginx and the aggregator's two libraries.
set -eu
umask 022

BUCKET_URL=@BUCKET_URL@
planet=/srv/planet
began=$(date +%s.%N)

phase() {
    now=$(date +%s.%N)
    echo "$1 $began $now" >> /run/phases
    began=$now
}

fetch() {
    mkdir -p "$(dirname "$2")"
    curl -fsS --retry 3 -o "$2" "$BUCKET_URL/$1"
}

# The directories, a first page, the theme.
mkdir -p $planet/cache $planet/output
chown www-data:www-data $planet/cache $planet/output
for file in first/index.html theme/index.html.tmpl theme/layout.css theme/logo.png theme/planet.css theme/walrus.png planet.ini \
    feeds/clouds.atom feeds/driftwood.rss feeds/engine-room.rdf feeds/harbour.atom feeds/lighthouse.rss feeds/walrus.rss; do
    fetch "root/srv/planet/$file" "$planet/$file"
done
fetch services/planet/lib/planet.py /usr/local/lib/planet.py
fetch root/etc/nginx/sites-available/planet /etc/nginx/sites-available/planet
phase fetch

# The site. It stands before the first run, because the sample feeds are served by this same nginx.
rm -f /etc/nginx/sites-enabled/default
ln -sf ../sites-available/planet /etc/nginx/sites-enabled/planet
/etc/init.d/nginx start > /dev/null
phase web

# The aggregator: at once, then from the web user's crontab.
printf 'title=Planet #1\nstale_after=120\ninstance=\n' > $planet/cache/settings
cat > /usr/local/bin/refresh-planet <<END
#!/bin/sh
cd $planet && exec flock --wait 120 cache/refresh.lock python3 -B /usr/local/lib/planet.py --settings cache/settings planet.ini
END
chmod 755 /usr/local/bin/refresh-planet
runuser -u www-data -- /usr/local/bin/refresh-planet
mkdir -p /var/spool/cron/crontabs
echo '2,17,32,47 * * * * /usr/local/bin/refresh-planet' > /var/spool/cron/crontabs/www-data
until curl -fsS http://127.0.0.1/ | grep -q '<article'; do sleep 0.1; done
phase planet
touch /run/planet-ready
