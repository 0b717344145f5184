fail 69 "runtime: node: found${found:- none,} needed is 20.19 or newer. ${why:-There is neither base64 nor gzip to unpack the rest of this script}. \
Run haulout runtime add, launch with what haulout userdata then prints, or put such a Node on the image and run: sh $0"
