//! Single changes to a file, each of which leaves it a valid file.

use super::{ModelFile, Pair, Tensor, kind, text};

const ARCHITECTURE: &str = "general.architecture";
/// Limit on the data, as in `change`, but larger: a shape may ask for any size, and what lies
/// beyond the limit is not written.
const DATA_BYTES_MAX: u64 = 4 << 20;
const ALIGNMENT: u64 = 32;

impl ModelFile {
    pub fn set(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        let pair = Pair { key: key.into(), kind, value };
        match self.pairs.iter_mut().find(|other| other.key == pair.key) {
            Some(place) => *place = pair,
            None => self.pairs.push(pair),
        }
        self.pad();
    }

    pub fn set_number(&mut self, key: &str, number: u32) {
        self.set(key, kind::U32, number.to_le_bytes().to_vec());
    }

    pub fn set_float(&mut self, key: &str, number: f32) {
        self.set(key, kind::F32, number.to_le_bytes().to_vec());
    }

    pub fn set_answer(&mut self, key: &str, yes: bool) {
        self.set(key, kind::BOOL, vec![yes.into()]);
    }

    pub fn set_text(&mut self, key: &str, value: &str) {
        self.set(key, kind::STRING, text(value.as_bytes()));
    }

    pub fn set_list(&mut self, key: &str, numbers: &[u32]) {
        let mut value = kind::I32.to_le_bytes().to_vec();
        value.extend((numbers.len() as u64).to_le_bytes());
        value.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.set(key, kind::ARRAY, value);
    }

    /// Adds a tensor of plain numbers, or changes its shape. [`Self::lay_out`] must be called next.
    pub fn set_tensor(&mut self, name: &str, shape: &[u64]) {
        match self.tensors.iter_mut().find(|tensor| tensor.name == name.as_bytes()) {
            Some(tensor) => tensor.shape = shape.to_vec(),
            None => {
                let (name, shape) = (name.into(), shape.to_vec());
                self.tensors.push(Tensor { name, shape, kind: 0, offset: 0 });
            }
        }
    }

    pub fn lay_out(&mut self) {
        let mut end = 0_u64;
        for tensor in &mut self.tensors {
            tensor.offset = end;
            let bytes = tensor.bytes().unwrap_or(0);
            // A shape may ask for any size; near `u64::MAX` rounding up would overflow.
            end = end.saturating_add(bytes).min(u64::MAX / 2).next_multiple_of(ALIGNMENT);
        }
        let before = self.data.len() / 4;
        self.data.truncate(before * 4);
        let length = usize::try_from(end.min(DATA_BYTES_MAX)).unwrap_or(0);
        for at in before..length / 4 {
            // Of both signs, about 0.1 in size.
            let number = ((at * 37 + 11) % 101) as f32 / 400.0 - 0.125;
            self.data.extend(number.to_le_bytes());
        }
        self.data.resize(length, 0);
        self.pad();
    }

    #[must_use]
    pub fn architecture(&self) -> String {
        let pair = self.pairs.iter().find(|pair| pair.key == ARCHITECTURE.as_bytes());
        let name = pair.and_then(|pair| pair.value.get(8..)).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }

    #[must_use]
    pub fn with_architecture(&self, name: &str) -> Self {
        let mut file = self.clone();
        // The keys of a model's sizes begin with the name, and are looked up by it.
        let prefix = self.architecture() + ".";
        for pair in &mut file.pairs {
            if let Some(rest) = pair.key.strip_prefix(prefix.as_bytes()) {
                pair.key = [name.as_bytes(), b".", rest].concat();
            }
        }
        file.set_text(ARCHITECTURE, name);
        file
    }

    #[must_use]
    pub fn tokens(&self) -> u64 {
        let pair = self.pairs.iter().find(|pair| pair.key == b"tokenizer.ggml.tokens");
        let length = pair.and_then(|pair| pair.value.get(4..)?.first_chunk());
        length.map_or(0, |length| u64::from_le_bytes(*length))
    }
}

#[cfg(test)]
mod tests {
    use localcoder_gguf::Header;

    use super::super::{bytes_of_text, varied};

    #[test]
    fn a_file_under_another_name_is_one_of_that_architecture() {
        let file = bytes_of_text().with_architecture("qwen2vl").written();
        let header = Header::read(file.as_slice(), file.len() as u64).unwrap();
        assert_eq!(header.architecture, "qwen2vl");
    }

    #[test]
    fn a_seed_gives_the_same_variant_and_many_are_accepted() {
        let sound = bytes_of_text();
        assert_eq!(varied(&sound, 7), varied(&sound, 7));
        let accepted = (0..2_000).filter(|seed| {
            let (bytes, _) = varied(&sound, *seed);
            Header::read(bytes.as_slice(), bytes.len() as u64).is_ok()
        });
        let accepted = accepted.count();
        assert!(accepted > 400, "{accepted} of 2000 are accepted");
    }
}
