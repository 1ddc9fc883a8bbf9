//! `/qr.svg`: the address of this node's page as a QR code, for phones, with the address below it for people.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Around the code, as the standard wants it, in modules: the squares that a code is made of.
const QUIET_ZONE: i32 = 4;

/// The line of text below the code, in modules.
const TEXT_HEIGHT: i32 = 4;

/// The code of a URL, which has no character that XML gives a meaning to; `None` if it is too long.
pub(super) fn svg(url: &str) -> Option<String> {
    // A quarter of the modules may be unreadable: a projector or a scratched label is no hindrance.
    let code = QrCode::encode_text(url, QrCodeEcc::Quartile).ok()?;
    let width = code.size() + 2 * QUIET_ZONE;
    let height = width + TEXT_HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\"><title>{url}</title>\
        <path fill=\"#fff\" d=\"M0 0h{width}v{height}H0z\"/><path shape-rendering=\"crispEdges\" d=\""
    );
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let dark = (x..code.size())
                .take_while(|&x| code.get_module(x, y))
                .count();
            let dark = i32::try_from(dark).unwrap_or(0);
            if dark > 0 {
                // Writing to a string cannot fail.
                let _ = write!(
                    svg,
                    "M{} {}h{dark}v1h-{dark}z",
                    x + QUIET_ZONE,
                    y + QUIET_ZONE
                );
            }
            x += dark.max(1);
        }
    }
    let _ = writeln!(
        svg,
        "\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"2\">{url}</text></svg>",
        width / 2,
        width
    );
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers between the letters of a step `M{x} {y}h{dark}v1h-{dark}z`.
    fn numbers(step: &str) -> (i32, i32, i32) {
        let (x, rest) = step.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let (dark, _) = rest.split_once('v').unwrap();
        (
            x.parse().unwrap(),
            y.parse().unwrap(),
            dark.parse().unwrap(),
        )
    }

    #[test]
    fn the_picture_has_the_modules_of_the_code_and_nothing_else() {
        let url = "http://pi1.local:8080/";
        let svg = svg(url).unwrap();
        let code = QrCode::encode_text(url, QrCodeEcc::Quartile).unwrap();
        let path = svg.split("crispEdges\" d=\"M").nth(1).unwrap();
        let path = path.split('"').next().unwrap();
        let mut drawn = std::collections::BTreeSet::new();
        for step in path.split('M') {
            let (x, y, dark) = numbers(step);
            for x in x..x + dark {
                assert!(drawn.insert((x - QUIET_ZONE, y - QUIET_ZONE)));
            }
        }
        let modules = (0..code.size()).flat_map(|x| (0..code.size()).map(move |y| (x, y)));
        let dark: std::collections::BTreeSet<_> =
            modules.filter(|&(x, y)| code.get_module(x, y)).collect();
        assert_eq!(drawn, dark);
        assert!(svg.len() < 12_000, "{} bytes", svg.len());
    }

    #[test]
    fn a_url_that_does_not_fit_has_no_code() {
        assert_eq!(svg(&"a".repeat(3000)), None);
    }
}
