//! What TCP did during one run as a chart: windows, round trips and delivery rate over time.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::quantity::scaled;
use crate::lab::client::Sample;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 860;

/// The space beneath the windows, for the segments that were sent again.
const MARGIN_BELOW: f64 = 0.06;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome<'a> = Result<(), Box<dyn std::error::Error + 'a>>;

/// One curve of a panel.
struct Curve<'a> {
    name: &'static str,
    color: RGBColor,
    width: u32,
    value: &'a dyn Fn(&Sample) -> Option<f64>,
}

/// Draws the SVG.
///
/// # Errors
/// When the chart cannot be drawn; the sentence says why.
pub(super) fn draw(samples: &[Sample], peer: &str) -> Result<String, String> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
    chart(&root, samples, peer).map_err(|error| format!("the picture cannot be drawn: {error}"))?;
    drop(root);
    Ok(text)
}

fn chart<'a>(root: &Area<'a>, samples: &[Sample], peer: &str) -> Outcome<'a> {
    const BLUE: RGBColor = RGBColor(0, 70, 140);
    const ORANGE: RGBColor = RGBColor(200, 90, 0);
    const PALE: RGBColor = RGBColor(110, 170, 220);
    const GREEN: RGBColor = RGBColor(20, 120, 70);
    root.fill(&WHITE)?;
    let root = root.titled(
        &format!("What TCP did over time, to {peer}"),
        ("sans-serif", 24),
    )?;
    let (windows, rest) = root.split_vertically(430);
    let (trips, rates) = rest.split_vertically(190);
    let most = |value: &dyn Fn(&Sample) -> Option<f64>| {
        samples.iter().filter_map(value).fold(0.0, f64::max)
    };
    let window = |one: &Sample| Some(one.congestion_window_bytes() as f64);
    let flight = |one: &Sample| Some(one.in_flight_bytes as f64);
    let top = most(&window).max(most(&flight)) * 1.1;
    // What is far above the windows would make them flat.
    let within = move |bytes: Option<u64>| bytes.map(|it| it as f64).filter(|&it| it <= top);
    let threshold = move |one: &Sample| within(one.slow_start_threshold_bytes());
    let receiver = move |one: &Sample| within(one.receive_window);
    let curve = |name, color, width, value| Curve {
        name,
        color,
        width,
        value,
    };
    let curves = [
        curve("in flight", PALE, 1, &flight),
        curve("slow-start threshold", BLACK, 1, &threshold),
        curve("receiver's window", GREEN, 2, &receiver),
        curve("congestion window", BLUE, 2, &window),
    ];
    panel(&windows, samples, "bytes", top, &curves, true)?;
    let trip = |one: &Sample| Some(one.round_trip_ms);
    let varies = |one: &Sample| Some(one.round_trip_variance_ms);
    let curves = [
        curve("varies by", PALE, 1, &varies),
        curve("round trip", ORANGE, 2, &trip),
    ];
    panel(&trips, samples, "ms", most(&trip) * 1.1, &curves, false)?;
    let rate = |one: &Sample| one.delivery_rate.map(|it| it as f64);
    let top = usual_most(samples, &rate) * 1.3;
    let rate = |one: &Sample| rate(one).map(|it| it.min(top));
    let curves = [curve("delivery rate", BLUE, 2, &rate)];
    panel(&rates, samples, "bytes a second", top, &curves, false)?;
    root.present()?;
    Ok(())
}

/// Curves over one time axis; with `again`, a red tick beneath them wherever segments were sent again.
fn panel<'a>(
    area: &Area<'a>,
    samples: &[Sample],
    unit: &str,
    top: f64,
    curves: &[Curve<'_>],
    again: bool,
) -> Outcome<'a> {
    let end = samples.last().map_or(0.0, |last| last.seconds).max(1e-3);
    let top = top.max(1e-3);
    let bottom = if again { -top * MARGIN_BELOW } else { 0.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(28)
        .x_label_area_size(44)
        .y_label_area_size(96)
        .build_cartesian_2d(0.0..end, bottom..top)?;
    chart
        .configure_mesh()
        .x_desc("seconds")
        .y_desc(unit)
        .y_labels(6)
        .y_label_formatter(&|value| short(*value))
        .axis_desc_style(("sans-serif", 16))
        .label_style(("sans-serif", 14))
        .bold_line_style(BLACK.mix(0.2))
        .light_line_style(WHITE)
        .draw()?;
    for &Curve {
        name,
        color,
        width,
        value,
    } in curves
    {
        let points = samples
            .iter()
            .filter_map(|one| Some((one.seconds, value(one)?)));
        let style = color.stroke_width(width);
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(2)));
    }
    if again {
        let pairs = samples.iter().zip(samples.iter().skip(1));
        let risen = pairs.filter(|(before, after)| after.retransmitted > before.retransmitted);
        let ticks = risen.map(|(_, after)| {
            let x = after.seconds;
            PathElement::new([(x, bottom), (x, bottom * 0.2)], RED.stroke_width(2))
        });
        chart
            .draw_series(ticks)?
            .label("segments sent again")
            .legend(|(x, y)| {
                PathElement::new([(x + 12, y - 6), (x + 12, y + 6)], RED.stroke_width(2))
            });
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.4))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

/// A value that only one sample in fifty exceeds: a single burst must not make all else flat.
pub(super) fn usual_most(samples: &[Sample], value: &dyn Fn(&Sample) -> Option<f64>) -> f64 {
    let mut values: Vec<f64> = samples.iter().filter_map(value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) * 98).div_ceil(100);
    values.get(at).copied().unwrap_or(0.0)
}

/// A label of an axis: `1.5 M`.
fn short(value: f64) -> String {
    if value < 0.0 {
        return String::new();
    }
    let (value, prefix) = scaled(value);
    let value = format!("{value:.2}");
    let value = value.trim_end_matches('0').trim_end_matches('.');
    format!("{value} {prefix}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        assert_eq!(
            [0.0, 0.25, 1.0, 1500.0, 2e6].map(short),
            ["0", "0.25", "1", "1.5 k", "2 M"]
        );
    }

    #[test]
    fn no_sample_and_one_sample_can_be_drawn() {
        for samples in [vec![], vec![Sample::default()]] {
            let drawn = draw(&samples, "pi1").unwrap();
            assert!(drawn.contains("congestion window"), "{drawn}");
        }
    }
}
