"""The keys that the lab is started with, and what clients make of them."""
import base64
import hashlib
import hmac
import time
import urllib.parse

RULE = "RootManageSharedAccessKey"
KEY = "key-of-the-lab+/="
LISTEN_RULE = "listener"
LISTEN_KEY = "another-key"


def signature(audience, seconds, rule=RULE, key=KEY):
    """A shared access signature that is good for so long."""
    sr = urllib.parse.quote_plus(audience)
    se = int(time.time() + seconds)
    digest = hmac.new(key.encode(), f"{sr}\n{se}".encode(), hashlib.sha256).digest()
    sig = urllib.parse.quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={sr}&sig={sig}&se={se}&skn={rule}"
