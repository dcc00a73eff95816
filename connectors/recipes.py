"""How each platform wants contacts written and hashed. Data only; connectors take theirs here.

A changed recipe changes every digest: the lists then differ member by member and are sent anew.
What a platform does not print is marked UNVERIFIED.
"""

from audiences.model import Digest, EmailStep, PhoneForm, Recipe
from config.audiences import Identifier

_EMAIL = frozenset({Identifier.EMAIL})
_PHONE = frozenset({Identifier.PHONE})
_CONTACTS = _EMAIL | _PHONE
_ALL = _CONTACTS | {Identifier.EXTERNAL_ID}

GOOGLE = Recipe(
    name="google",
    source="Data Manager API, Format user data; datamanager_util.format",
    kinds=_CONTACTS,
    phone=PhoneForm.E164,
    email=(EmailStep.GMAIL_PLUS_TAG, EmailStep.GMAIL_DOTS),
)
META = Recipe(
    name="meta",
    source="Marketing API, Customer File Custom Audiences, hashing and normalization",
    kinds=_ALL,
)
YANDEX = Recipe(
    name="yandex_audience",
    source="Yandex Audience API, data requirements; e-mail in Latin letters, as written",
    kinds=_ALL,
    email=(EmailStep.ONLY_LATIN,),
)
YANDEX_CANONICAL = Recipe(
    name="yandex_canonical",
    source="Yandex Metrica, first-party-params-hash; whether Audience does the same: UNVERIFIED",
    kinds=_CONTACTS,
    email=(
        EmailStep.LEADING_PLUS,
        EmailStep.GMAIL_DOMAIN,
        EmailStep.YANDEX_HYPHENS,
        EmailStep.YANDEX_DOMAIN,
        EmailStep.GMAIL_DOTS,
        EmailStep.PLUS_TAG,
        EmailStep.ONLY_LATIN,
    ),
)
VK = Recipe(
    name="vk",
    source="VK Ads, users lists; target.my.com help: MD5 (SHA-256 claimed elsewhere: UNVERIFIED)",
    kinds=_CONTACTS,
    digest=Digest.MD5,
)
TELEGRAM = Recipe(
    name="telegram",
    source="Telegram Ads API, createAudience; form of the number before hashing: UNVERIFIED",
    kinds=_PHONE,
)
TIKTOK = Recipe(
    name="tiktok",
    source="TikTok help, September 2025: only lower-case; phone with plus",
    kinds=_CONTACTS,
    phone=PhoneForm.E164,
)
TIKTOK_PARTNER = Recipe(
    name="tiktok_partner",
    source="TikTok API note in partner form: plus tag and dots dropped at every domain",
    kinds=_CONTACTS,
    phone=PhoneForm.E164,
    email=(EmailStep.PLUS_TAG, EmailStep.DOTS),
)
TIKTOK_2025_08 = Recipe(
    name="tiktok_2025_08",
    source="TikTok help, August 2025: plus tag dropped; phone without plus",
    kinds=_CONTACTS,
    email=(EmailStep.PLUS_TAG,),
)
MICROSOFT = Recipe(
    name="microsoft",
    source="Microsoft Advertising, CustomerListUserData; trim and lower-case: UNVERIFIED",
    kinds=_EMAIL,
)
PINTEREST = Recipe(
    name="pinterest",
    source="Pinterest API v5, customer lists; phone without plus: UNVERIFIED",
    kinds=_CONTACTS,
)
SNAPCHAT = Recipe(
    name="snapchat",
    source="Snapchat Marketing API, Customer Lists",
    kinds=_CONTACTS,
)
LINKEDIN = Recipe(
    name="linkedin",
    source="LinkedIn Marketing, DMP segment users",
    kinds=_EMAIL,
)
X = Recipe(
    name="x",
    source="X Ads API, custom audience users; phone with plus: UNVERIFIED",
    kinds=_CONTACTS,
    phone=PhoneForm.E164,
)
REDDIT = Recipe(
    name="reddit",
    source="Reddit Ads, canonical e-mail as partners send it; others only lower-case: UNVERIFIED",
    kinds=_EMAIL,
    email=(EmailStep.PLUS_TAG, EmailStep.DOTS),
)
AMAZON = Recipe(
    name="amazon",
    source="Amazon Ads audiences, trim and lower-case as partners write it; phone digits only",
    kinds=_CONTACTS,
)
AMAZON_STRICT = Recipe(
    name="amazon_strict",
    source="Amazon Ads as another sender writes it (drops plus and underscore): UNVERIFIED",
    kinds=_CONTACTS,
    email=(EmailStep.ONLY_LETTERS_DIGITS,),
)
CRITEO = Recipe(
    name="criteo",
    source="Criteo Marketing Solutions, contact lists; phone rule: UNVERIFIED",
    kinds=_EMAIL,
)
TTD = Recipe(
    name="ttd",
    source="The Trade Desk, Unified ID 2.0 rule (sent there as base64 of the digest's bytes)",
    kinds=_CONTACTS,
    phone=PhoneForm.E164,
    email=(EmailStep.GMAIL_COM_PLUS_TAG, EmailStep.GMAIL_COM_DOTS),
)
OPENAI = Recipe(
    name="openai",
    source="OpenAI Ads custom audiences, third-party description: UNVERIFIED",
    kinds=_CONTACTS,
    phone=PhoneForm.E164,
)

RECIPES = (
    GOOGLE, META, YANDEX, YANDEX_CANONICAL, VK, TELEGRAM, TIKTOK, TIKTOK_PARTNER, TIKTOK_2025_08,
    MICROSOFT, PINTEREST, SNAPCHAT, LINKEDIN, X, REDDIT, AMAZON, AMAZON_STRICT, CRITEO, TTD, OPENAI,
)  # fmt: skip
